"""The parts of the control plane, and the flags that make this cluster one like K3s', on loopback only."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from twin import access, binaries
from twin.marks import ANSWERING
from twin.processes import Part
from twin.state import Ports, State, write_private

# K3s' own networks.
POD_NETWORK = "10.42.0.0/16"
SERVICE_NETWORK = "10.43.0.0/16"
API_SERVICE_IP = "10.43.0.1"

# Time on the twin runs faster than at home: a node that stops answering is Unknown after 10 s (at home 50 s), and pods
# that say nothing else leave it 5 s later (300 s). Heartbeats come every 2 s, a quarter of the lease: a busy machine
# may miss four.
NODE_GRACE_SECONDS = 10
NODE_LEASE_SECONDS = 8
EVICTION_SECONDS = 5

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
CONTROLLERS = "controllers"

# In the order in which they start.
NAMES = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK, CONTROLLERS)

_HERE = Path(__file__).parent
_STAGES = _HERE / "stages.yaml"
_ISSUER = "https://kubernetes.default.svc.cluster.local"


def parts(state: State, ports: Ports, advertised: str) -> list[Part]:
    """Every part of the control plane, in the order in which they start.

    `advertised` is the address that pods are told for the API server: that of the home's server. Nothing is sent there.
    """
    return [
        Part(ETCD, _etcd(state, ports), (ports.etcd, ports.etcd_peer)),
        Part(API_SERVER, _api_server(state, ports, advertised), (ports.api,)),
        Part(CONTROLLER_MANAGER, _controller_manager(state)),
        Part(SCHEDULER, _scheduler(state)),
        Part(KWOK, _kwok(state)),
        Part(CONTROLLERS, _controllers(state)),
    ]


def write_files(state: State) -> None:
    """Write the config files that the parts read."""
    # Where the API server is to send what it has for nodes, pods and services: nowhere.
    nowhere = str(state.run / "nothing-leaves-a-twin")
    connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": nowhere}}}
    egress = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }
    write_private(state.egress, json.dumps(egress))
    write_private(_stages(state), _STAGES.read_text())


def environment(state: State) -> dict[str, str]:
    """What the parts see of the environment: nothing of the person's own, neither credentials nor kubeconfig."""
    return {
        "PATH": os.defpath,
        "HOME": str(state.root),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        # kwok keeps a folder, in the person's home unless told otherwise.
        "KWOK_WORKDIR": str(state.root / "run"),
        # The controllers' modules: those of this checkout, whatever the current folder.
        "PYTHONPATH": str(binaries.CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _etcd(state: State, ports: Ports) -> tuple[str, ...]:
    client, peer = f"https://127.0.0.1:{ports.etcd}", f"https://127.0.0.1:{ports.etcd_peer}"
    key_pair = {"cert-file": state.pki / "etcd.crt", "key-file": state.pki / "etcd.key"}
    return _command(
        ETCD,
        {
            "name": "twin",
            "data-dir": state.etcd,
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"twin={peer}",
            **key_pair,
            "client-cert-auth": "true",
            "trusted-ca-file": state.pki / "etcd-ca.crt",
            **{f"peer-{flag}": path for flag, path in key_pair.items()},
            "peer-client-cert-auth": "true",
            "peer-trusted-ca-file": state.pki / "etcd-ca.crt",
            # A twin that runs for weeks forgets the versions that nobody watches from any more.
            "auto-compaction-retention": "1h",
            "log-level": "warn",
        },
    )


def _api_server(state: State, ports: Ports, advertised: str) -> tuple[str, ...]:
    return _command(
        API_SERVER,
        {
            "etcd-servers": f"https://127.0.0.1:{ports.etcd}",
            "etcd-cafile": state.pki / "etcd-ca.crt",
            "etcd-certfile": state.pki / "etcd-client.crt",
            "etcd-keyfile": state.pki / "etcd-client.key",
            "bind-address": "127.0.0.1",
            "secure-port": ports.api,
            "advertise-address": advertised,
            "tls-cert-file": state.pki / "apiserver.crt",
            "tls-private-key-file": state.pki / "apiserver.key",
            "token-auth-file": state.pki / "tokens.csv",
            "anonymous-auth": "false",
            "authorization-mode": "RBAC",
            "service-account-issuer": _ISSUER,
            "service-account-key-file": state.pki / "service-accounts.pub",
            "service-account-signing-key-file": state.pki / "service-accounts.key",
            "service-cluster-ip-range": SERVICE_NETWORK,
            # Nothing leaves this machine: for logs, shells and proxies the API server would call addresses that the
            # home's own machines may have.
            "egress-selector-config-file": state.egress,
            "kubelet-preferred-address-types": "ExternalDNS",
            # As in K3s: whether a pod may be privileged is PodSecurity's to say, namespace by namespace.
            "allow-privileged": "true",
            "enable-admission-plugins": "PodSecurity",
            "default-not-ready-toleration-seconds": EVICTION_SECONDS,
            "default-unreachable-toleration-seconds": EVICTION_SECONDS,
            # Events are how a twin explains itself, and Kubernetes would drop them after an hour.
            "event-ttl": "24h",
            "profiling": "false",
        },
    )


def _controller_manager(state: State) -> tuple[str, ...]:
    return _command(
        CONTROLLER_MANAGER,
        {
            "kubeconfig": access.kubeconfig_of(state, access.CONTROLLER_MANAGER),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": state.pki / "service-accounts.key",
            "root-ca-file": state.pki / "ca.crt",
            "allocate-node-cidrs": "true",
            "cluster-cidr": POD_NETWORK,
            "service-cluster-ip-range": SERVICE_NETWORK,
            "node-monitor-period": "1s",
            "node-monitor-grace-period": f"{NODE_GRACE_SECONDS}s",
            # Two nodes that go away at once are emptied at once.
            "node-eviction-rate": "1",
            # A claim that came a moment before its volume is looked at again soon (15 s).
            "pvclaimbinder-sync-period": "3s",
            **_ALONE,
        },
    )


def _scheduler(state: State) -> tuple[str, ...]:
    return _command(SCHEDULER, {"kubeconfig": access.kubeconfig_of(state, access.SCHEDULER), **_ALONE})


def _kwok(state: State) -> tuple[str, ...]:
    return _command(
        KWOK,
        {
            "kubeconfig": access.kubeconfig_of(state, access.KWOK),
            "config": _stages(state),
            "manage-all-nodes": "false",
            "manage-nodes-with-label-selector": "=".join(ANSWERING),
            "node-lease-duration-seconds": NODE_LEASE_SECONDS,
            "cidr": POD_NETWORK,
            # No port of its own: there are no logs to read and no shells to open.
            "node-port": "0",
            "server-address": "",
            # Less: each heartbeat.
            "v": "WARN",
        },
    )


def _controllers(state: State) -> tuple[str, ...]:
    code = _digest(*sorted((_HERE / "controllers").glob("*.py")))
    return (sys.executable, "-m", "twin.controllers", f"--state={state.root}", f"--code={code}")


def _stages(state: State) -> Path:
    """kwok's stages, under a name that changes with their content: a part with another command line is started anew."""
    return state.run / f"stages-{_digest(_STAGES)}.yaml"


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


# One of each, so nothing to elect; no port of its own, since its health shows in what it does.
_ALONE: dict[str, object] = {
    "leader-elect": "false",
    "secure-port": "0",
    "profiling": "false",
    # The machine is one's own: the defaults protect a shared API server.
    "kube-api-qps": "200",
    "kube-api-burst": "400",
}


def _command(name: str, flags: dict[str, object]) -> tuple[str, ...]:
    return (str(binaries.find(name)), *(f"--{flag}={value}" for flag, value in flags.items()))
