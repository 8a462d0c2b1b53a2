"""The twin's cluster: brought up, taken down, made to match the home's description."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twin import access, contents, control_plane, nodes, processes
from twin.api import Api, ApiError, UnreachableError
from twin.control_plane import API_SERVER, CONTROLLERS, ETCD, KWOK, NAMES
from twin.processes import Part, Processes
from twin.state import NodeState, Ports, State, TwinError, port_is_free

if TYPE_CHECKING:
    from kubernetes.dynamic import DynamicClient

    from home import Home

_POLL_SECONDS = 0.03
_START_SECONDS = 90.0
_WORTH_TELLING_SECONDS = 0.2

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

    From a shell it is `python -m twin`; from Python:

        twin = Twin(Path(".twin"), Path("Pulumi.homelab.yaml"))
        twin.up()
        twin.api().list("Pod", "media")
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
            self.folder.belong_to(self.home)
            certificates = self.folder.pki
            if not certificates.exists():
                # Imported when needed: it takes as long as the rest of the command together.
                from twin import pki

                pki.issue(certificates, control_plane.API_SERVICE_IP)
            ports = self.folder.ports()
            access.write_kubeconfigs(self.folder, ports.api)
            control_plane.write_files(self.folder)
            missing = self._missing(control_plane.parts(self.folder, ports, _advertised(home)))
            if missing:
                self._end_strays(_PARTS)
            self._start_servers(missing, ports)
            # While the API server finishes its own start, which takes as long.
            self._put_contents(home)
            self._start_controllers(missing)
            self._await_nodes(home)

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
            contents.apply_nodes(self.api(), home, self.node_states(home))
            self._await_nodes(home)

    def client(self) -> DynamicClient:
        """A client of the twin's API server, with all rights."""
        from kubernetes.client import ApiClient
        from kubernetes.config import new_client_from_config
        from kubernetes.dynamic import DynamicClient

        self.require_running()
        client: ApiClient = new_client_from_config(str(self.kubeconfig))  # type: ignore[no-untyped-call]
        # The client keeps what it discovered in a file: here, not in a folder that all users share.
        return DynamicClient(client, cache_file=str(self.folder.run / "discovery.json"))  # type: ignore[no-untyped-call]

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

    def _missing(self, parts: list[Part]) -> dict[str, Part]:
        """The parts that don't run, by name. Those that are to run in another way than they do are stopped first."""
        changed = [part.name for part in parts if self.processes.running(part.name) and not self._runs(part)]
        if changed:
            self._report(f"{', '.join(changed)}: to be started in another way than before")
            self._stop(changed)
        return {part.name: part for part in parts if not self.processes.running(part.name)}

    def _start_servers(self, missing: Mapping[str, Part], ports: Ports) -> None:
        if part := missing.get(ETCD):
            self._start_part(part, lambda: _accepts(ports.etcd))
        if part := missing.get(API_SERVER):
            self._start_part(part, self.api().answers)

    def _put_contents(self, home: Home) -> None:
        api = self.api()
        self._wait(lambda: contents.has_namespaces(api), API_SERVER, "made no namespaces")
        contents.apply_nodes(api, home, self.node_states(home))
        contents.apply_file(api, contents.ACCESS)
        contents.apply_file(api, contents.K3S)

    def _start_controllers(self, missing: Mapping[str, Part]) -> None:
        api = self.api()
        # Before it is ready they would be refused, and look again only after a while.
        self._wait(api.ready, API_SERVER, "didn't become ready")
        if KWOK in missing:
            contents.release_leases(api)
        for name, part in missing.items():
            if name not in (ETCD, API_SERVER):
                self._spawn(part)

    def _runs(self, part: Part) -> bool:
        return self.processes.command(part.name) == list(part.command)

    def _start_part(self, part: Part, is_ready: Callable[[], bool]) -> None:
        begin = time.monotonic()
        self._spawn(part)
        self._wait(is_ready, part.name, "didn't become ready")
        self._report(f"{part.name} answers after {time.monotonic() - begin:.1f} s")

    def _spawn(self, part: Part) -> None:
        for port in part.ports:
            if not port_is_free(port):
                owner = processes.owner_of_port(port)
                raise TwinError(
                    f"{part.name} needs port {port}, which {owner} uses now: stop that, or start over on other ports "
                    "with `python -m twin reset` and `python -m twin up`"
                )
        self.processes.start(part, control_plane.environment(self.folder))

    def _wait(self, is_done: Callable[[], bool], name: str, failure: str, seconds: float = _START_SECONDS) -> None:
        """Wait for something that needs the part `name`. Raises `TwinError` if that ends, or if it takes too long."""
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

    def _await_nodes(self, home: Home) -> None:
        begin = time.monotonic()
        api, wanted = self.api(), self.node_states(home)
        self._wait(lambda: contents.is_settled(api, wanted), CONTROLLERS, "didn't get the nodes as they are to be")
        if (seconds := time.monotonic() - begin) > _WORTH_TELLING_SECONDS:
            told = ", ".join(f"{name} {state}" for name, state in wanted.items())
            self._report(f"nodes as they are to be after {seconds:.1f} s: {told}")


def _advertised(home: Home) -> str:
    addresses = [nodes.address(node, index) for index, node in enumerate(home.nodes) if node.role == "server"]
    # A loaded home has a server; any address does for one that was made by hand.
    return next(iter(addresses), "192.0.2.1")


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
