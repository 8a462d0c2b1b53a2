"""The twin's cluster: brought up, taken down, made to match the home's description."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from twin import access, control_plane, nodes, processes
from twin.api import KINDS, Api, ApiError, Manifest, UnreachableError
from twin.control_plane import API_SERVER, CONTROLLERS, ETCD, KWOK, NAMES
from twin.controllers.pods import condition
from twin.marks import ANSWERING, MANAGED_BY
from twin.processes import Part, Processes
from twin.state import NodeState, Ports, State, TwinError, port_is_free

if TYPE_CHECKING:
    from kubernetes.dynamic import DynamicClient

    from home import Home

_MANIFESTS = Path(__file__).parent / "manifests"
_POLL_SECONDS = 0.03
_START_SECONDS = 90.0

# What processes of a twin run: those of its cluster, and those that a killed Pulumi engine may have left.
_PARTS = frozenset({*NAMES, "twin.controllers"})
_EVERYTHING = _PARTS | {
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-kubernetes",
    "twin.standins",
}

Report = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """How one part of the control plane is: its process id, or None when it doesn't run."""

    name: str
    pid: int | None
    ports: tuple[int, ...]


class Twin:
    """The twin that lives in the folder `state` and simulates the home that the stack config `home` describes.

    twin = Twin(Path(".twin"), Path("Pulumi.homelab.yaml"))
    twin.up()
    twin.client().resources.get(api_version="v1", kind="Pod").get(namespace="media")
    twin.down()
    """

    def __init__(self, state: Path, home: Path, report: Report = lambda line: None) -> None:
        """Nothing is touched yet. `report` gets a line about each step, for people."""
        self.folder = State(state)
        self.state = self.folder.root
        self.home = home.absolute()
        self.kubeconfig = self.folder.kubeconfig
        self.processes = Processes(self.folder)
        self._report = report

    def up(self) -> None:
        """Bring the cluster up, or what is missing of it. Raises `TwinError` that says which part failed, and why."""
        home = self._read_home()
        with self._lock():
            self.folder.prepare()
            certificates = self.folder.pki
            if not certificates.exists():
                # Imported when needed: it takes as long as the rest of the command together.
                from twin import pki

                pki.issue(certificates, control_plane.API_SERVICE_IP)
            ports = self.folder.ports()
            access.write_kubeconfigs(self.folder, ports.api)
            control_plane.write_egress(self.folder)
            self._start(control_plane.parts(self.folder, ports, _advertised(home)), ports)
            self._match(home)

    def down(self) -> None:
        """Stop every process of the twin; its objects stay for the next `up`."""
        if not self.state.exists():
            self._end_strays(_EVERYTHING)
            return
        with self._lock():
            self._stop(reversed(NAMES))
            self._end_strays(_EVERYTHING)

    def reset(self) -> None:
        """Stop the twin and forget everything of it: objects, ports, credentials, the state of its stack."""
        self.down()
        if not self.state.exists():
            return
        if not self.folder.exists():
            raise TwinError(f"{self.state} isn't a twin's folder: nothing was removed")
        with self._lock():
            # Last, what tells that the folder is a twin's: a reset that was cut short can be repeated.
            for path in self.state.iterdir():
                if path not in (self.folder.memory, self.state / "lock"):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            shutil.rmtree(self.state)

    def set_node(self, name: str, wanted: NodeState) -> None:
        """Have a node answer, or fall silent, and wait until the cluster has noticed. Lasts until the next `reset`."""
        home = self._read_home()
        if name not in (known := [node.name for node in home.nodes]):
            raise TwinError(f'there is no node "{name}"; the home has {", ".join(known)}')
        self.require_running()
        with self._lock():
            self.folder.choose(name, wanted)
            self._match(home)

    def client(self) -> DynamicClient:
        """A client of the twin's API server, with all rights."""
        from kubernetes.client import ApiClient
        from kubernetes.config import new_client_from_config
        from kubernetes.dynamic import DynamicClient

        self.require_running()
        client: ApiClient = new_client_from_config(str(self.kubeconfig))
        # The client keeps what it discovered in a file: here, not in a folder that all users share.
        return DynamicClient(client, cache_file=str(self.folder.run / "discovery.json"))

    def api(self) -> Api:
        """The twin's own small client, with all rights."""
        return Api(self.kubeconfig)

    def running(self) -> list[Running]:
        """Every part of the control plane, in the order in which they start."""
        ports = self.folder.ports() if self.folder.exists() else None
        return [
            Running(name, process.pid if (process := self.processes.running(name)) else None, _ports_of(name, ports))
            for name in NAMES
        ]

    def require_running(self) -> None:
        """Raise `TwinError` unless the API server answers."""
        if not self.kubeconfig.exists() or not self.processes.running(API_SERVER) or not self.api().ready():
            raise TwinError(f"the twin in {self.state} isn't running: `python -m twin up` starts it")

    def node_states(self, home: Home) -> dict[str, NodeState]:
        """The state that each node is to be in: as described, unless chosen otherwise."""
        return {node.name: node.state for node in home.nodes} | {
            name: state for name, state in self.folder.chosen().items() if name in {node.name for node in home.nodes}
        }

    def _read_home(self) -> Home:
        import home

        try:
            return home.load_file(self.home)
        except home.HomeError as error:
            raise TwinError(f"{self.home.name} doesn't describe a home:\n{error}") from error

    def _lock(self) -> contextlib.AbstractContextManager[None]:
        return self.folder.lock(lambda: self._report(f"waiting for another command on {self.state}"))

    # Starting and stopping

    def _start(self, parts: list[Part], ports: Ports) -> None:
        changed = [part.name for part in parts if self.processes.running(part.name) and not self._runs(part)]
        if changed:
            self._report(f"{', '.join(changed)}: to be started in another way than before")
            self._stop(changed)
        missing = [part for part in parts if not self.processes.running(part.name)]
        if not missing:
            return
        self._end_strays(_PARTS)
        by_name = {part.name: part for part in missing}
        if part := by_name.pop(ETCD, None):
            self._start_part(part, lambda: _accepts(ports.etcd))
        api = self.api()
        if part := by_name.pop(API_SERVER, None):
            self._start_part(part, api.ready)
        if KWOK in by_name:
            # A kwok that is gone still holds its nodes' leases, under a name that no other kwok has.
            for lease in api.list("Lease", "kube-node-lease"):
                api.delete("Lease", lease["metadata"]["name"], "kube-node-lease")
        if {KWOK, CONTROLLERS} & set(by_name):
            # They would start without rights, and look again only after a while.
            self._apply("access.yaml")
        for part in by_name.values():
            self._spawn(part)

    def _runs(self, part: Part) -> bool:
        return self.processes.command(part.name) == list(part.command)

    def _start_part(self, part: Part, is_ready: Callable[[], bool]) -> None:
        begin = time.monotonic()
        self._spawn(part)
        self._wait(is_ready, part.name, "didn't become ready")
        self._report(f"{part.name} ready after {time.monotonic() - begin:.1f} s")

    def _spawn(self, part: Part) -> None:
        for port in part.ports:
            if not port_is_free(port):
                raise TwinError(
                    f"{part.name} needs port {port}, which {processes.owner_of_port(port)} uses now: stop that, or start over "
                    "on other ports with `python -m twin reset` and `python -m twin up`"
                )
        self.processes.start(part, control_plane.environment(self.folder))

    def _wait(self, is_done: Callable[[], bool], name: str, failure: str, seconds: float = _START_SECONDS) -> None:
        """Wait for something that needs the part `name`. Raises `TwinError` when that ends, or when it takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(ApiError, UnreachableError):
                if is_done():
                    return
            for each in NAMES[: NAMES.index(name) + 1]:
                if not self.processes.running(each):
                    raise self._failed(each, "ended")
            if time.monotonic() > deadline:
                raise self._failed(name, f"{failure} in {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _failed(self, name: str, how: str) -> TwinError:
        tail = self.processes.log_tail(name)
        return TwinError(f"{name} {how}; its log, {self.processes.log(name)}, ends with:\n{tail or '(nothing)'}")

    def _stop(self, names: Iterable[str]) -> None:
        # etcd last and alone: whatever is being written is written.
        names = list(names)
        self.processes.stop(name for name in names if name != ETCD)
        self.processes.stop(name for name in names if name == ETCD)

    def _end_strays(self, programs: frozenset[str]) -> None:
        if strays := self.processes.strays(NAMES, programs):
            self._report(f"ending {len(strays)} left over processes of this twin")
            processes.end(strays, patience=3.0)

    # The home's description and the cluster's objects

    def _match(self, home: Home) -> None:
        """Make nodes and K3s' inhabitants be there as described, and wait until the nodes are what they are to be."""
        begin = time.monotonic()
        api = self.api()
        wanted = self.node_states(home)
        self._wait(lambda: _has_namespaces(api), API_SERVER, "made no namespaces")
        self._match_nodes(api, home, wanted)
        self._apply("access.yaml")
        self._apply("k3s.yaml")
        self._wait(lambda: not _unsettled(api, wanted), CONTROLLERS, "didn't get the nodes ready")
        told = ", ".join(f"{name} {state}" for name, state in wanted.items())
        self._report(f"nodes after {time.monotonic() - begin:.1f} s: {told}")

    def _match_nodes(self, api: Api, home: Home, wanted: dict[str, NodeState]) -> None:
        existing = {node["metadata"]["name"]: node for node in api.list("Node")}
        for index, node in enumerate(home.nodes):
            state, before = wanted[node.name], existing.get(node.name)
            manifest = nodes.manifest(node, state, before)
            if before is None or not nodes.same(manifest, before):
                self._persist(api, manifest)
            status = nodes.status(node, nodes.address(node, index))
            self._persist(api, status, "status")
            if before is None and state == "unknown":
                # Nothing has been heard of it, and nothing runs on it: no need to wait for the controller manager to find out.
                now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                api.patch(status, {"status": {"conditions": nodes.unknown_conditions(now)}}, "status")
        for name, node_object in existing.items():
            ours = node_object["metadata"].get("labels", {}).get(MANAGED_BY[0]) == MANAGED_BY[1]
            if ours and name not in wanted:
                api.delete("Node", name)

    def _apply(self, name: str) -> None:
        api = self.api()
        for manifest in _manifests(name):
            self._persist(api, manifest)

    def _persist(self, api: Api, manifest: Manifest, subresource: str = "") -> None:
        """Apply, again while the API server is still making what the object needs."""
        deadline = time.monotonic() + 10.0
        while True:
            try:
                api.apply(manifest, subresource)
                return
            except (ApiError, UnreachableError) as error:
                if time.monotonic() > deadline:
                    raise TwinError(
                        f"{manifest['kind']} {manifest['metadata']['name']} was refused: {error}"
                    ) from error
                time.sleep(_POLL_SECONDS)


def _manifests(name: str) -> Iterator[Manifest]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for document in yaml.load_all((_MANIFESTS / name).read_text(), Loader=loader):
        if document["kind"] not in KINDS:
            raise KeyError(f"{name} has a {document['kind']}, which twin.api doesn't know")
        yield document


def _advertised(home: Home) -> str:
    index, server = next((index, node) for index, node in enumerate(home.nodes) if node.role == "server")
    return nodes.address(server, index)


def _ports_of(name: str, ports: Ports | None) -> tuple[int, ...]:
    if ports is None:
        return ()
    return {ETCD: (ports.etcd, ports.etcd_peer), API_SERVER: (ports.api,)}.get(name, ())


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _has_namespaces(api: Api) -> bool:
    return {"default", "kube-system"} <= {each["metadata"]["name"] for each in api.list("Namespace")}


def _unsettled(api: Api, wanted: dict[str, NodeState]) -> list[str]:
    """What is not yet as it is to be: nodes, and the account that pods of the namespace `default` run as."""
    found = {node["metadata"]["name"]: node for node in api.list("Node")}
    unsettled = [name for name, state in wanted.items() if name not in found or not _settled(found[name], state)]
    if api.get("ServiceAccount", "default", "default") is None:
        unsettled.append("default")
    return unsettled


def _settled(node: dict[str, Any], state: NodeState) -> bool:
    ready = condition(node, "Ready").get("status")
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    if state == "unknown":
        return ready == "Unknown" and "node.kubernetes.io/unreachable" in taints
    # Until the controller manager has lifted these, the scheduler places nothing there.
    waiting = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} & taints
    answering = node["metadata"].get("labels", {}).get(ANSWERING[0]) == ANSWERING[1]
    return ready == "True" and answering and not waiting and "podCIDR" in node["spec"]
