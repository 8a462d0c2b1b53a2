"""Where data lies: claims, the volumes that they are bound to, classes, and the CSI drivers that mount shares."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from references.objects import Objects, Pods, keys, name_of, namespace_of, quantity, repository
from references.options import options
from references.place import Place, Problem, choice
from references.provided import Provided
from references.table import Driver, Table
from references.values import wrong

_SECRET_REFS = (
    "nodeStageSecretRef",
    "nodePublishSecretRef",
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodeExpandSecretRef",
)
_REGISTRAR = "registry.k8s.io/sig-storage/csi-node-driver-registrar"


def check(objects: Objects, provided: Provided, table: Table) -> Iterator[Problem]:
    """Claims and volumes are bound to each other, classes have a provisioner, and drivers run where they are needed."""
    for claim in objects.of("PersistentVolumeClaim"):
        yield from _claim(claim, objects, provided)
    handles: dict[str, str] = {}
    for volume in objects.of("PersistentVolume"):
        yield from _volume(volume, objects)
        yield from _csi(volume, objects, table)
        handle = volume.get("spec", "csi", "volumeHandle")
        if not handle.absent and (first := handles.setdefault(handle.text, volume.resource)) != volume.resource:
            yield handle.should(f"a handle of its own: {first} has the same, and two of one handle share a mount")
    for one in objects.of("StorageClass"):
        known = [*provided.provisioners, *objects.names("CSIDriver")]
        if one.get("provisioner").value not in known:
            yield one.get("provisioner").unresolved("provisioner", known)
    used = {one.get("spec", "csi", "driver").value for one in objects.of("PersistentVolume")}
    used |= {one.get("provisioner").value for one in objects.of("StorageClass")}
    for one in objects.of("CSIDriver"):
        yield from _driver(one, objects, table)
        if name_of(one) not in used:
            yield one.get("metadata", "name").should("a driver that some volume or class names, and none names it")
    for pods in objects.pods:
        yield from _plugin(pods, table, objects)
        yield from _user(pods, objects, table)


def _claim(claim: Place, objects: Objects, provided: Provided) -> Iterator[Problem]:
    namespace, spec = namespace_of(claim), claim.get("spec")
    class_name, bound = spec.get("storageClassName"), spec.get("volumeName")
    if class_name.text:
        known = [*objects.names("StorageClass"), *provided.storage_classes]
        if class_name.value not in known:
            yield class_name.unresolved("StorageClass", known)
    elif class_name.value == "" and bound.absent:
        yield bound.should("the name of a PersistentVolume, since no class will make one")
    if bound.absent:
        return
    volume = objects.find("PersistentVolume", bound.value)
    if volume is None:
        yield bound.unresolved("PersistentVolume", objects.names("PersistentVolume"))
        return
    there = volume.get("spec")
    wanted = there.get("claimRef")
    if (wanted.get("namespace").value, wanted.get("name").value) != (namespace, name_of(claim)):
        reserved = f"{wanted.get('namespace').text}/{wanted.get('name').text}"
        yield bound.should(f"a volume that is reserved for this claim, and that one is for {reserved}")
    if (there.get("storageClassName").value or "") != (class_name.value or ""):
        yield class_name.should(f'"{there.get("storageClassName").text}", the class of {volume.resource}')
    for mode in spec.get("accessModes").items():
        if mode.value not in (there.get("accessModes").value or ()):
            yield mode.unresolved(f"access mode of {volume.resource}", there.get("accessModes").value or ())
    size = spec.get("resources", "requests", "storage")
    has, asked = quantity(there.get("capacity", "storage").value), quantity(size.value)
    if has is None or asked is None or asked > has:
        yield size.should(f"{there.get('capacity', 'storage').text} at most, the capacity of {volume.resource}")


def _volume(volume: Place, objects: Objects) -> Iterator[Problem]:
    ref = volume.get("spec", "claimRef")
    namespace, name = ref.get("namespace"), ref.get("name")
    if ref.absent:
        yield ref.should("a claim: without one, anybody's claim may take this volume")
        return
    claims = {(namespace_of(one), name_of(one)): one for one in objects.of("PersistentVolumeClaim")}
    claim = claims.get((namespace.text, name.text))
    if claim is not None:
        if claim.get("spec", "volumeName").value != name_of(volume):
            yield name.should(f"a claim of this volume, and {claim.resource} is of another")
    elif namespace.value not in [where for where, _ in claims]:
        yield namespace.unresolved("namespace of a claim", [where for where, _ in claims])
    else:
        there = [one for where, one in claims if where == namespace.value]
        yield name.unresolved(f"PersistentVolumeClaim in namespace {namespace.text}", there)


def _csi(volume: Place, objects: Objects, table: Table) -> Iterator[Problem]:
    csi = volume.get("spec", "csi")
    if csi.absent:
        return
    driver, row = csi.get("driver"), table.drivers.get(csi.get("driver").text)
    if driver.value not in objects.names("CSIDriver"):
        yield driver.unresolved("CSIDriver", objects.names("CSIDriver"))
    if row is None:
        yield driver.unresolved("driver in references/apps.yaml", table.drivers)
        return
    if not any(_runs(row, pods) for pods in objects.pods):
        yield driver.should(f"a driver that some DaemonSet runs, and none has {row.image}")
    yield from _secrets(csi, row, objects)
    for key, attribute in csi.get("volumeAttributes").entries():
        if key not in row.attributes:
            yield attribute.problem(choice("attribute of this driver", row.attributes, key))
        elif said := wrong(row.attributes[key], attribute.text):
            yield attribute.should(said)
    for key, known in row.attributes.items():
        if known.required and csi.get("volumeAttributes", key).absent:
            yield csi.get("volumeAttributes").should(f"attributes with {key}, which the driver needs")
    yield from _options(volume, row)
    reads = csi.get("readOnly")
    only = volume.get("spec", "accessModes").value == ["ReadOnlyMany"]
    if reads.value is not True and only:
        yield reads.should("true, since the volume is for reading only")
    if reads.value is True and not only:
        yield volume.get("spec", "accessModes").should("[ReadOnlyMany], since the volume is for reading only")


def _secrets(csi: Place, row: Driver, objects: Objects) -> Iterator[Problem]:
    for kind in _SECRET_REFS:
        ref = csi.get(kind)
        if ref.absent:
            continue
        name, namespace = ref.get("name"), ref.get("namespace")
        secret = objects.find("Secret", name.value, namespace.value)
        if secret is None and not objects.names("Secret", namespace.value):
            yield namespace.unresolved("namespace with Secrets", {namespace_of(one) for one in objects.of("Secret")})
        elif secret is None:
            yield name.unresolved(f"Secret in namespace {namespace.text}", objects.names("Secret", namespace.value))
        elif (known := keys(secret)) is not None:
            for key, value in row.secret.items():
                if value.required and key not in known:
                    yield name.should(f"a Secret with the key {key}; {secret.resource} has {', '.join(sorted(known))}")
            for key in known:
                if key not in row.secret:
                    yield secret.get("stringData", key).problem(
                        choice("key of this driver", row.secret, key), f'"{key}"'
                    )
    if any(one.required for one in row.secret.values()) and csi.get("nodeStageSecretRef").absent:
        yield csi.get("nodeStageSecretRef").should("a Secret, by whose account the share is mounted")


def _options(volume: Place, row: Driver) -> Iterator[Problem]:
    place = volume.get("spec", "mountOptions")
    given: set[str] = set()
    for option in place.items():
        key, equals, value = option.text.partition("=")
        given.add(key)
        known = row.options.get(key)
        if known is None:
            yield option.problem(choice("mount option of this driver", row.options, key))
        elif (said := wrong(known, value)) is not None:
            yield option.should(f"{key}={said}" if equals else f"{key} with a value: {said}")
    for key, known in row.options.items():
        if known.required and key not in given:
            yield place.should(f"a list with {key}, which the driver needs")
    access = "ro" if volume.get("spec", "csi", "readOnly").value is True else "rw"
    if access not in given or {"ro", "rw"} <= given:
        yield place.should(f"a list with {access}, as the volume is")


def _driver(one: Place, objects: Objects, table: Table) -> Iterator[Problem]:
    row = table.drivers.get(name_of(one))
    attach, modes = one.get("spec", "attachRequired"), one.get("spec", "volumeLifecycleModes")
    if row is None:
        yield one.get("metadata", "name").unresolved("driver in references/apps.yaml", table.drivers)
        return
    if attach.value is not False:
        yield attach.should("false: nothing is there that would attach volumes")
    if not modes.absent and "Persistent" not in (modes.value or ()):
        yield modes.should("a list with Persistent")
    policy = one.get("spec", "fsGroupPolicy")
    if said := wrong(row.group_change, policy.text):
        yield policy.should(said)


def _runs(row: Driver, pods: Pods) -> bool:
    return pods.kind == "DaemonSet" and any(repository(one) == row.image for one in pods.containers())


def _plugin(pods: Pods, table: Table, objects: Objects) -> Iterator[Problem]:
    """A driver's node plugin: its parts meet at one socket, which the kubelet is told of."""
    for name, row in table.drivers.items():
        if not _runs(row, pods):
            continue
        if name not in objects.names("CSIDriver"):
            images = [one.get("image") for one in pods.containers() if repository(one) == row.image]
            yield images[0].should(f"the image of a driver with a CSIDriver, and there is none called {name}")
        registrars = [one for one in pods.containers() if repository(one) == _REGISTRAR]
        if not registrars:
            yield pods.spec.get("containers").should("a list with a registrar, by which the kubelet learns of a driver")
        for container in pods.containers():
            yield from _sockets(container, pods, row)


def _sockets(container: Place, pods: Pods, row: Driver) -> Iterator[Problem]:
    for option in options(container.get("args")):
        path = option.value.removeprefix("unix://")
        if option.name == "--kubelet-registration-path":
            # A path of the node's, not of the container's.
            if said := wrong(row.socket_folder, posixpath.dirname(path)):
                yield option.place.should(f"a socket in the driver's folder: {said}")
            elif posixpath.basename(path) not in _own(pods):
                yield option.place.unresolved("socket of this driver", _own(pods), f'"{option.place.text}"')
            continue
        if not path.endswith(".sock"):
            continue
        found = pods.volume_at(container, path)
        if found is None or found[1] is None:
            mounts = [one.get("mountPath").text for one in container.get("volumeMounts").items()]
            yield option.place.should(f"a socket below one of the container's mounts, {', '.join(mounts)}")
            continue
        folder = found[1].get("hostPath", "path")
        if said := wrong(row.socket_folder, folder.text):
            yield folder.should(f"the driver's folder: {said}")
        if posixpath.basename(path) not in _own(pods):
            yield option.place.unresolved("socket of this driver", _own(pods), f'"{option.place.text}"')


def _own(pods: Pods) -> set[str]:
    """The file names of the sockets that the pod's driver opens."""
    found = (option for one in pods.containers() for option in options(one.get("args")))
    return {posixpath.basename(option.value) for option in found if option.name == "--endpoint"}


def _user(pods: Pods, objects: Objects, table: Table) -> Iterator[Problem]:
    """Whoever mounts a share runs where its driver runs, may read it, and doesn't change its owner."""
    security = pods.spec.get("securityContext")
    for volume in pods.volumes().values():
        name = volume.get("persistentVolumeClaim", "claimName")
        claim = objects.find("PersistentVolumeClaim", name.value, pods.namespace)
        bound = objects.find("PersistentVolume", claim.get("spec", "volumeName").value) if claim else None
        driver = bound.get("spec", "csi", "driver").text if bound else ""
        if bound is None or driver not in table.drivers:
            continue
        runs = [one for one in objects.pods if _runs(table.drivers[driver], one)]
        away = [one for one in runs if one.nodes is not None and pods.nodes is not None and not pods.nodes <= one.nodes]
        if runs and away == runs:
            yield name.should(
                f"a claim that can be mounted on {', '.join(sorted(pods.nodes or ()))}: no {driver} there"
            )
        if not security.get("fsGroup").absent:
            yield security.get("fsGroup").should("absent, or every file on the share would change its group")
        yield from _owner(bound, pods, security)


def _owner(volume: Place, pods: Pods, security: Place) -> Iterator[Problem]:
    """Options such as uid=1000: without being that user or in that group, a pod can't read what it mounts."""
    options = {one.text.partition("=")[0]: one for one in volume.get("spec", "mountOptions").items()}
    if not {"uid", "gid"} <= options.keys():
        return
    groups = [security.get("runAsGroup").value, *(security.get("supplementalGroups").value or ())]
    uid, gid = (options[key].text.partition("=")[2] for key in ("uid", "gid"))
    if uid != str(security.get("runAsUser").value) and gid not in map(str, groups):
        yield options["gid"].should(
            f"a group of {pods.name}, which mounts this as user {security.get('runAsUser').text}: "
            f"{', '.join(sorted({str(one) for one in groups}))}"
        )
    bits = {key: options[key] for key in ("file_mode", "dir_mode") if key in options}
    for place in bits.values():
        mode = place.text.partition("=")[2]
        if (
            re.fullmatch(r"0?[0-7]{3}", mode)
            and not int(mode, 8) & 0o040
            and uid != str(security.get("runAsUser").value)
        ):
            yield place.should("a mode by which the group may read")
