"""Storage: the NAS's shares as volumes, over SMB and NFS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components import names
from components.deployed import DeployedWorkload
from components.manifests import Manifest, arguments
from components.workload import (
    ROOT,
    Container,
    Deviation,
    HostPath,
    Http,
    Mount,
    PodField,
    Probe,
    Resources,
    Workload,
)
from home import Home, Immich, Jellyfin, Nas, Share
from home.versions import Image

CREDENTIALS = "nas-credentials"
KUBELET = "/var/lib/kubelet"


@dataclass(frozen=True)
class Driver:
    """A CSI driver: what differs between the two that mount shares."""

    protocol: str
    csi_name: str
    image: str
    socket_folder: str
    mounts_below: str
    health_port: int
    pod_info_on_mount: bool


# Folders and ports as in the drivers' own manifests: csi-driver-smb v1.20.3 and csi-driver-nfs v4.13.4, deploy/.
DRIVERS: Mapping[str, Driver] = {
    "smb": Driver(
        protocol="smb",
        csi_name="smb.csi.k8s.io",
        image="csi-driver-smb",
        socket_folder=f"{KUBELET}/plugins/smb.csi.k8s.io",
        mounts_below=KUBELET,
        health_port=29643,
        pod_info_on_mount=True,
    ),
    "nfs": Driver(
        protocol="nfs",
        csi_name="nfs.csi.k8s.io",
        image="csi-driver-nfs",
        socket_folder=f"{KUBELET}/plugins/csi-nfsplugin",
        mounts_below=f"{KUBELET}/pods",
        health_port=29653,
        pod_info_on_mount=False,
    ),
}


@dataclass(frozen=True)
class MountedShare:
    """A share as one room mounts it: through a PersistentVolume and a claim of that room's own, bound to each other."""

    share: Share
    namespace: str
    claim: str
    read_only: bool
    nodes: tuple[str, ...]
    """The nodes on which a pod that mounts it may run."""

    @property
    def volume(self) -> str:
        """The name of the PersistentVolume, which no namespace holds apart."""
        return f"nas-{self.namespace}-{self.share.name}"


@dataclass(frozen=True)
class StorageArgs:
    """What of the NAS the home mounts, where, and with whose credentials.

    drivers: what `drivers` makes of the home. mounted: the shares, room by room. password: of the NAS account that
    mounts SMB shares, None where there are none. namespace and namespaces: handles, of this room's namespace and of
    those that mount shares.
    """

    nas: Nas
    drivers: tuple[Workload, ...]
    mounted: tuple[MountedShare, ...]
    password: pulumi.Input[str] | None
    namespace: pulumi.Input[str]
    namespaces: Mapping[str, pulumi.Input[str]]


class Storage(pulumi.ComponentResource):
    """The NAS's shares as volumes.

    Creates, for each protocol in use, the CSI driver's node plugin and its CSIDriver; the NAS's credentials as a Secret
    where a share speaks SMB; a PersistentVolume and its claim for each share that a room mounts, both protected.
    """

    claims: Mapping[tuple[str, str], kubernetes.core.v1.PersistentVolumeClaim]
    """The claim of each mounted share, by namespace and claim name."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register drivers before volumes, so that nothing binds to what can't be mounted."""
        super().__init__("homebrain:storage:Storage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        ready: list[pulumi.Resource] = []
        for driver in protocols(args.mounted):
            ready.append(kubernetes.storage.v1.CSIDriver(driver.csi_name, **arguments(csi_driver(driver)), opts=child))
        ready += [DeployedWorkload(workload, args.namespace, opts=child) for workload in args.drivers]
        if args.password is not None and any(one.share.protocol == "smb" for one in args.mounted):
            ready.append(
                kubernetes.core.v1.Secret(
                    CREDENTIALS,
                    metadata={"name": CREDENTIALS, "namespace": args.namespace, "labels": names.labels(CREDENTIALS)},
                    string_data={"username": args.nas.username or "", "password": pulumi.Output.secret(args.password)},
                    opts=child,
                )
            )

        claims = {}
        for mounted in args.mounted:
            kept = pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True, depends_on=ready)
            volume = kubernetes.core.v1.PersistentVolume(
                mounted.volume, **arguments(persistent_volume(mounted, args.nas)), opts=kept
            )
            claims[mounted.namespace, mounted.claim] = kubernetes.core.v1.PersistentVolumeClaim(
                mounted.volume,
                **arguments(claim(mounted, volume.metadata["name"]), args.namespaces[mounted.namespace]),
                opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
            )

        self.claims = claims
        self.register_outputs({"claims": [mounted.claim for mounted in args.mounted]})

    def claims_in(self, namespace: str) -> tuple[pulumi.Resource, ...]:
        """The claims of the shares that one namespace mounts."""
        return tuple(claim for (where, _), claim in self.claims.items() if where == namespace)


def protocols(mounted: tuple[MountedShare, ...]) -> tuple[Driver, ...]:
    """The drivers that the mounted shares need, each once."""
    return tuple(DRIVERS[protocol] for protocol in sorted({one.share.protocol for one in mounted}))


def drivers(home: Home, mounted: tuple[MountedShare, ...], images: Mapping[str, Image]) -> tuple[Workload, ...]:
    """The node plugin of each driver in use, on the nodes in service where a pod that needs it may run.

    Nowhere else: Pulumi waits for it, and what mounts a share waits in turn. A machine that is away, asleep or can't
    run it must not hold up one that it has nothing to do with.
    """

    def needing(driver: Driver) -> tuple[str, ...]:
        wanted = {node for one in mounted if one.share.protocol == driver.protocol for node in one.nodes}
        return tuple(node.name for node in home.nodes_in_service if node.name in wanted)

    return tuple(node_plugin(driver, needing(driver), images) for driver in protocols(mounted))


def libraries(home: Home, app: Immich | Jellyfin | None, namespace: str) -> tuple[MountedShare, ...]:
    """The shares that an app shows, as its room mounts them: it may read them and no more. None without the app."""
    if app is None:
        return ()
    # Its own node, or every one in service.
    nodes = (app.node,) if app.node else tuple(node.name for node in home.nodes_in_service)
    return tuple(
        MountedShare(home.share(name), namespace, f"library-{name}", read_only=True, nodes=nodes)
        for name in app.libraries
    )


def node_plugin(driver: Driver, nodes: tuple[str, ...], images: Mapping[str, Image]) -> Workload:
    """The part of a CSI driver that mounts shares on a node.

    Volumes are declared beforehand, so there is no controller; and since the kubelet hands over the credentials, no
    token either.
    """
    socket = Mount("/csi", HostPath(driver.socket_folder, "DirectoryOrCreate"))
    small = Resources(cpu="10m", memory="20Mi", memory_limit="100Mi")
    registration = f"{driver.socket_folder}/csi.sock"
    return Workload(
        name=f"csi-{driver.protocol}-node",
        namespace=names.STORAGE,
        kind="DaemonSet",
        nodes=nodes,
        tolerations=({"operator": "Exists"},),
        priority=names.PRIORITY_NODE_CRITICAL,
        user=ROOT,
        host_network=True,
        containers=(
            Container(
                name=driver.protocol,
                image=images[driver.image].reference,
                resources=Resources(cpu="10m", memory="40Mi", memory_limit="300Mi"),
                args=("--v=2", "--endpoint=unix:///csi/csi.sock", "--nodeid=$(NODE_ID)"),
                env={"NODE_ID": PodField("spec.nodeName")},
                mounts=(
                    socket,
                    Mount(driver.mounts_below, HostPath(driver.mounts_below), bidirectional=True),
                ),
                liveness=Probe(
                    Http("/healthz", port=driver.health_port, host="localhost"), period=30, failures=5, timeout=10
                ),
                privileged=True,
                writable_root=True,
            ),
            Container(
                name="liveness-probe",
                image=images["csi-livenessprobe"].reference,
                resources=small,
                args=(
                    "--csi-address=/csi/csi.sock",
                    "--probe-timeout=3s",
                    f"--http-endpoint=localhost:{driver.health_port}",
                ),
                mounts=(socket,),
            ),
            Container(
                name="node-driver-registrar",
                image=images["csi-node-driver-registrar"].reference,
                resources=small,
                args=("--csi-address=/csi/csi.sock", f"--kubelet-registration-path={registration}"),
                mounts=(
                    socket,
                    Mount("/registration", HostPath(f"{KUBELET}/plugins_registry", "DirectoryOrCreate")),
                ),
            ),
        ),
        deviations={
            Deviation.PRIVILEGED: "mounts shares into the folders of other pods",
            Deviation.HOST_NETWORK: "a mount outlives the pod that made it, and must not hang on that pod's network",
            Deviation.HOST_PATH: "works in the kubelet's folders",
            Deviation.ROOT_USER: "mounting is root's business",
            Deviation.NO_PROBES: "the driver is asked through its sidecar; the registrar's own check always passes",
            Deviation.WRITABLE_ROOT: "the mount tools keep their locks and tables in the image's own folders",
        },
    )


def csi_driver(driver: Driver) -> Manifest:
    """What the kubelet has to know of a driver."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": driver.csi_name, "labels": names.labels(f"csi-{driver.protocol}-node")},
        "spec": {
            "attachRequired": False,
            "podInfoOnMount": driver.pod_info_on_mount,
            "volumeLifecycleModes": ["Persistent"],
            # Else a pod's fsGroup would change the owner of every file on the share.
            "fsGroupPolicy": "None",
        },
    }


def persistent_volume(mounted: MountedShare, nas: Nas) -> Manifest:
    """The volume of one mounted share. It is reserved for its claim and keeps its data whatever becomes of that."""
    share = mounted.share
    csi: Manifest = {
        "driver": DRIVERS[share.protocol].csi_name,
        "readOnly": mounted.read_only,
        # One handle a volume: two volumes with one handle would share a mount, and the first's options with it.
        "volumeHandle": f"{nas.addresses.lan}#{share.path}#{mounted.namespace}",
    }
    if share.protocol == "smb":
        csi["volumeAttributes"] = {"source": f"//{nas.addresses.lan}/{share.path}"}
        csi["nodeStageSecretRef"] = {"name": CREDENTIALS, "namespace": names.STORAGE}
    else:
        csi["volumeAttributes"] = {"server": str(nas.addresses.lan), "share": share.path}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": mounted.volume, "labels": names.labels(mounted.volume)},
        "spec": {
            "accessModes": [_access_mode(mounted)],
            "capacity": {"storage": share.capacity},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": mounted.namespace,
                "name": mounted.claim,
            },
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "mountOptions": mount_options(mounted),
            "csi": csi,
        },
    }


def claim(mounted: MountedShare, volume: pulumi.Input[str]) -> Manifest:
    """The claim by which pods of its namespace mount the share. `volume` is the handle of its PersistentVolume."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": mounted.claim, "namespace": mounted.namespace, "labels": names.labels(mounted.volume)},
        "spec": {
            "accessModes": [_access_mode(mounted)],
            "storageClassName": "",
            "volumeName": volume,
            "resources": {"requests": {"storage": mounted.share.capacity}},
        },
    }


def mount_options(mounted: MountedShare) -> list[str]:
    """How a share is mounted: `mount.cifs` or `nfs` options."""
    access = "ro" if mounted.read_only else "rw"
    owner = mounted.share.owner
    if mounted.share.protocol == "nfs":
        # hard: a write waits for a NAS that is away rather than fail and be lost.
        return [access, "nfsvers=4.1", "hard", "noatime"]
    mode = "0550" if mounted.read_only else "0770"
    return [
        access,
        "vers=3.1.1",
        # The NAS's inode numbers repeat across its volumes; a client that trusts them mixes files up.
        "noserverino",
        # 128 KiB a request.
        "rsize=131072",
        "wsize=131072",
        f"uid={owner.uid}",
        f"gid={owner.gid}",
        f"file_mode={mode}",
        f"dir_mode={mode}",
        "cache=strict",
    ]


def _access_mode(mounted: MountedShare) -> str:
    return "ReadOnlyMany" if mounted.read_only else "ReadWriteMany"
