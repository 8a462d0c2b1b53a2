"""What pods refer to: keys of Secrets and ConfigMaps, claims, volumes, ports of probes, accounts and classes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from references.objects import Objects, Pods, env, keys, name_of, namespace_of, ports
from references.place import Place, Problem
from references.provided import Provided
from references.rbac import NAMED

_GPU = "nvidia.com/gpu"
_HOLDERS = {"secret": ("Secret", "secretName"), "configMap": ("ConfigMap", "name")}
# Kubernetes 1.33, pkg/apis/core/validation: what `fieldRef` may name in an environment.
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['[^']+'\]|"
    r"spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)"
)
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def check(objects: Objects, provided: Provided) -> Iterator[Problem]:
    """Everything that a pod refers to is there, and everything that only pods refer to is used by one."""
    for pods in objects.pods:
        yield from _named_by_the_spec(pods, objects, provided)
        yield from _volumes(pods, objects)
        for container in pods.containers():
            yield from _environment(container, pods, objects)
            yield from _variables(container)
            yield from _probes(container, pods)
            yield from _gpu(container, pods)
    yield from _shared_claims(objects)
    yield from _unused(objects)


def _named_by_the_spec(pods: Pods, objects: Objects, provided: Provided) -> Iterator[Problem]:
    account = pods.spec.get("serviceAccountName")
    there = [*objects.names("ServiceAccount", pods.namespace), *provided.service_accounts]
    if not account.absent and account.value not in there:
        yield account.unresolved(f"ServiceAccount in namespace {pods.namespace}", there)
    for key, kind, brought in (
        ("priorityClassName", "PriorityClass", provided.priority_classes),
        ("runtimeClassName", "RuntimeClass", provided.runtime_classes),
    ):
        place = pods.spec.get(key)
        there = [*objects.names(kind), *brought]
        if not place.absent and place.value not in there:
            yield place.unresolved(kind, there)
    for secret in pods.spec.get("imagePullSecrets").items():
        yield from _key_of("Secret", secret.get("name"), None, pods, objects)


def _key_of(kind: str, name: Place, key: Place | None, pods: Pods, objects: Objects) -> Iterator[Problem]:
    holder = objects.find(kind, name.value, pods.namespace)
    if holder is None:
        yield name.unresolved(f"{kind} in namespace {pods.namespace}", objects.names(kind, pods.namespace))
    elif key is not None and (known := keys(holder)) is not None and key.value not in known:
        yield key.unresolved(f"key of {holder.resource}", known)


def _environment(container: Place, pods: Pods, objects: Objects) -> Iterator[Problem]:
    seen: set[str] = set()
    for entry in container.get("env").items():
        name = entry.get("name")
        if name.text in seen:
            yield name.problem("another entry above has the same name, and the last one wins")
        seen.add(name.text)
        source = entry.get("valueFrom")
        for ref, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            place = source.get(ref)
            if not place.absent and place.get("optional").value is not True:
                yield from _key_of(kind, place.get("name"), place.get("key"), pods, objects)
        field = source.get("fieldRef", "fieldPath")
        if not field.absent and not _FIELDS.fullmatch(field.text):
            yield field.problem("an environment can take a pod's name, namespace, uid, node, account and addresses")
    for entry in container.get("envFrom").items():
        for ref, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            place = entry.get(ref)
            if not place.absent and place.get("optional").value is not True:
                yield from _key_of(kind, place.get("name"), None, pods, objects)


def _variables(container: Place) -> Iterator[Problem]:
    """`$(NAME)` stands for a variable of the same container; an unknown one stays as it is."""
    if not container.get("envFrom").absent:
        return
    known = env(container)
    places = [*container.get("command").items(), *container.get("args").items()]
    places += [one.get("value") for one in known.values()]
    for place in places:
        for name in re.findall(r"(?<!\$)\$\(([A-Za-z_][A-Za-z0-9_]*)\)", place.text):
            if name not in known:
                yield place.unresolved("variable of this container", known)


def _volumes(pods: Pods, objects: Objects) -> Iterator[Problem]:
    volumes = pods.volumes()
    mounted: set[str] = set()
    for container in pods.containers():
        paths: set[str] = set()
        for mount in container.get("volumeMounts").items():
            name, path = mount.get("name"), mount.get("mountPath")
            mounted.add(name.text)
            if name.value not in volumes:
                yield name.unresolved("volume of this pod", volumes)
            else:
                yield from _mount(mount, volumes[name.text], pods, objects)
            if path.text in paths:
                yield path.problem("another mount of this container is at the same path")
            paths.add(path.text)
    for name_of_volume, volume in volumes.items():
        if name_of_volume not in mounted:
            yield volume.get("name").problem("no container of the pod mounts this volume")
        yield from _source(volume, pods, objects)


def _source(volume: Place, pods: Pods, objects: Objects) -> Iterator[Problem]:
    parts = [volume, *volume.get("projected", "sources").items()]
    for part in parts:
        for source, (kind, called) in _HOLDERS.items():
            place = part.get(source)
            if place.absent or place.get("optional").value is True:
                continue
            # In a projected volume a Secret, too, is just called `name`.
            name = place.get(called if part is volume else "name")
            yield from _key_of(kind, name, None, pods, objects)
            yield from _called_alike(volume, name, kind, pods, objects)
            for item in place.get("items").items():
                yield from _key_of(kind, name, item.get("key"), pods, objects)
    claim = volume.get("persistentVolumeClaim", "claimName")
    if not claim.absent:
        there = objects.names("PersistentVolumeClaim", pods.namespace)
        if claim.value not in there:
            yield claim.unresolved(f"PersistentVolumeClaim in namespace {pods.namespace}", there)
        yield from _called_alike(volume, claim, "PersistentVolumeClaim", pods, objects)


def _called_alike(volume: Place, name: Place, kind: str, pods: Pods, objects: Objects) -> Iterator[Problem]:
    """A volume that bears the name of one claim and mounts another has been mixed up."""
    own = volume.get("name").text
    if name.text != own and objects.find(kind, own, pods.namespace) is not None:
        yield name.problem(f'the volume is called "{own}", and there is a {kind} of that name')


def _mount(mount: Place, volume: Place, pods: Pods, objects: Objects) -> Iterator[Problem]:
    for source, (kind, called) in _HOLDERS.items():
        holder = objects.find(kind, volume.get(source, called).value, pods.namespace)
        sub_path = mount.get("subPath")
        known = _files(volume.get(source), holder) if holder is not None else None
        if not sub_path.absent and known is not None and sub_path.value not in known:
            yield sub_path.unresolved(f"file mounted by {volume.get('name').text}", known)
    claim = objects.find(
        "PersistentVolumeClaim", volume.get("persistentVolumeClaim", "claimName").value, pods.namespace
    )
    if claim is None:
        return
    written = mount.get("readOnly").value is not True
    written = written and volume.get("persistentVolumeClaim", "readOnly").value is not True
    if written and set(claim.get("spec", "accessModes").value or ()) == {"ReadOnlyMany"}:
        yield mount.get("readOnly").should(f"true, since {claim.resource} is for reading only")


def _files(source: Place, holder: Place) -> list[str] | None:
    items = [one.get("path").text for one in source.get("items").items()]
    return items or keys(holder)


def _probes(container: Place, pods: Pods) -> Iterator[Problem]:
    own = list(ports(container))
    names = [name for name, _, _ in own if name]
    probed = [container.get(kind) for kind in PROBES]
    probed += [container.get("lifecycle", hook) for hook in ("postStart", "preStop")]
    for probe in probed:
        for handler in ("httpGet", "tcpSocket", "grpc"):
            port = probe.get(handler, "port")
            if port.absent:
                continue
            if isinstance(port.value, str):
                if port.value not in names:
                    yield port.unresolved("port of this container", names)
            elif not _served(port.value, pods):
                yield port.unresolved("port of this pod", [str(number) for _, _, number in pods.ports()])


def _served(number: int, pods: Pods) -> bool:
    """Whether a container of the pod opens the port, be it only by its arguments as sidecars do."""
    said = re.compile(rf"(^|[=:]){number}$")
    return pods.opens(number) is not None or any(
        said.search(argument.text) for container in pods.containers() for argument in container.get("args").items()
    )


def _gpu(container: Place, pods: Pods) -> Iterator[Problem]:
    requested = container.get("resources", "requests", _GPU)
    limit = container.get("resources", "limits", _GPU)
    shown = env(container).get("NVIDIA_VISIBLE_DEVICES")
    runtime = pods.spec.get("runtimeClassName")
    wants = not limit.absent or not requested.absent or shown is not None
    if wants and runtime.value != "nvidia":
        yield runtime.should('"nvidia", for a container that sees a GPU')
    if requested.value != limit.value and not requested.absent:
        yield requested.should("the same number as in limits, since GPUs can't be overcommitted")
    if shown is not None and not limit.absent:
        yield shown.get("name").should("left to the device plugin, in a container that asks for a slice")


def _shared_claims(objects: Objects) -> Iterator[Problem]:
    users: dict[tuple[str, str], Pods] = {}
    for pods in objects.pods:
        for volume in pods.volumes().values():
            name = volume.get("persistentVolumeClaim", "claimName")
            claim = objects.find("PersistentVolumeClaim", name.value, pods.namespace)
            if claim is None or "ReadWriteOnce" not in (claim.get("spec", "accessModes").value or ()):
                continue
            first = users.setdefault((pods.namespace, name.text), pods)
            if first is not pods:
                yield name.should(f"a claim of its own: {first.whole.resource} writes to this one")


def _unused(objects: Objects) -> Iterator[Problem]:
    used: set[tuple[str, str, str]] = set()
    for pods in objects.pods:
        used.add(("ServiceAccount", pods.namespace, pods.spec.get("serviceAccountName").text))
        used |= {(kind, pods.namespace, name) for kind, name in _mentioned(pods)}
    for volume in objects.of("PersistentVolume"):
        for _, ref in volume.get("spec", "csi").entries():
            if isinstance(ref.value, dict) and "namespace" in ref.value:
                used.add(("Secret", ref.get("namespace").text, ref.get("name").text))
    # What a pod asks the API server for, a role lets it at by its name.
    for role in objects.of("Role"):
        for rule in role.get("rules").items():
            kinds = [NAMED[one] for one in rule.get("resources").value or () if one in NAMED]
            used |= {
                (kind, namespace_of(role), one.text) for kind in kinds for one in rule.get("resourceNames").items()
            }
    for kind in ("ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim"):
        for one in objects.of(kind):
            if kind == "ServiceAccount" and name_of(one) == "default":
                continue
            if (kind, namespace_of(one), name_of(one)) not in used:
                yield one.get("metadata", "name").should(f"a {kind} that some pod uses, and none uses this one")


def _mentioned(pods: Pods) -> Iterator[tuple[str, str]]:
    for volume in pods.volumes().values():
        yield "PersistentVolumeClaim", volume.get("persistentVolumeClaim", "claimName").text
        yield "Secret", volume.get("secret", "secretName").text
        yield "ConfigMap", volume.get("configMap", "name").text
        for source in volume.get("projected", "sources").items():
            yield "Secret", source.get("secret", "name").text
            yield "ConfigMap", source.get("configMap", "name").text
    for secret in pods.spec.get("imagePullSecrets").items():
        yield "Secret", secret.get("name").text
    for container in pods.containers():
        for entry in container.get("env").items():
            yield "Secret", entry.get("valueFrom", "secretKeyRef", "name").text
            yield "ConfigMap", entry.get("valueFrom", "configMapKeyRef", "name").text
        for entry in container.get("envFrom").items():
            yield "Secret", entry.get("secretRef", "name").text
            yield "ConfigMap", entry.get("configMapRef", "name").text
