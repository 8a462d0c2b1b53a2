"""Random pods by which the Pod Security Standards of `policies` are compared with those of a real API server.

A pod starts out safe, in one of many spellings: one that restricted admits, one that only baseline admits since it says
nothing, or one for Windows. Then changes are made to it, each to one thing that a control reads: most often one or two,
so that a single control decides; sometimes none; sometimes many. A change draws from values that are allowed, forbidden
and borderline, nulls, empty and zero spellings among them, and now and then from `odd` ones, which the API server is
expected to find invalid. What must come together for a pod to be valid does so most of the time (a HostProcess pod is
on the host's network, an unmasked /proc has user namespaces), since an invalid pod compares nothing.

Everything drawn comes from the `random.Random` that is handed in: the same seed gives the same pods. Pods are plain
dicts in the API's spelling, without a namespace, and can be written as JSON. Imports nothing of ours.

What makes a pod valid: k8s.io/kubernetes v1.33.4, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

Json = dict[str, Any]
_Change = Callable[[Random, Json], None]

SEED: Final = 1833
COUNT: Final = 2400
"""The pods that are compared in every run of the tests."""
ODD: Final = 0.06
"""How often an odd value is drawn where there is one."""

_ABSENT: Final = object()
_FLAGS: Final[tuple[Any, ...]] = (True, False, None, _ABSENT)
_CONTAINER_LISTS: Final = ("initContainers", "containers")
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"

_CLAIM: Final[Json] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME_SOURCES: Final[Mapping[str, Json]] = {
    "awsElasticBlockStore": {"volumeID": "vol-1"},
    "azureDisk": {"diskName": "disk", "diskURI": "https://account.blob.core.windows.net/disks/disk.vhd"},
    "azureFile": {"secretName": "account", "shareName": "share"},
    "cephfs": {"monitors": ["192.168.0.2"]},
    "cinder": {"volumeID": "vol-1"},
    "configMap": {"name": "settings"},
    "csi": {"driver": "secrets-store.csi.k8s.io"},
    "downwardAPI": {},
    "emptyDir": {},
    "ephemeral": {"volumeClaimTemplate": {"spec": _CLAIM}},
    "fc": {"wwids": ["3600508b400105e210000900000490000"]},
    "flexVolume": {"driver": "example.org/disk"},
    "flocker": {"datasetName": "data"},
    "gcePersistentDisk": {"pdName": "disk"},
    "gitRepo": {"repository": "https://example.org/repository.git"},
    "glusterfs": {"endpoints": "servers", "path": "volume"},
    "hostPath": {"path": "/srv"},
    # An API server of 1.33 leaves out such a volume, with whatever else it says: its feature gate is off by default.
    "image": {"reference": "docker.io/library/nginx:1.29.1"},
    "iscsi": {"targetPortal": "192.168.0.2:3260", "iqn": "iqn.2001-04.com.example:storage", "lun": 0},
    "nfs": {"server": "192.168.0.243", "path": "/volume1/media"},
    "persistentVolumeClaim": {"claimName": "data"},
    "photonPersistentDisk": {"pdID": "disk"},
    "portworxVolume": {"volumeID": "vol-1"},
    "projected": {"sources": [{"configMap": {"name": "settings"}}]},
    "quobyte": {"registry": "192.168.0.2:7861", "volume": "data"},
    "rbd": {"monitors": ["192.168.0.2"], "image": "disk"},
    "scaleIO": {"gateway": "https://192.168.0.2", "system": "storage", "volumeName": "data"},
    "secret": {"secretName": "password"},
    "storageos": {"volumeName": "data"},
    "vsphereVolume": {"volumePath": "[store] disk.vmdk"},
}
"""Every kind of volume, with a source of that kind that is valid."""

_DEFAULT_CAPABILITIES: Final = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
# Not the runtimes' default, or spelled as no runtime reads it.
_OTHER_CAPABILITIES: Final[tuple[Any, ...]] = (
    "ALL", "NET_RAW", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "CAP_CHOWN", "CAP_SYS_ADMIN", "chown", "Chown", " CHOWN",
    "net_bind_service", "NET_BIND_SERVICE ", "", None,
)  # fmt: skip
_SYSCTLS: Final = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    # Not safe, or not under the name by which it is.
    "kernel.msgmax", "kernel.shmmax", "fs.mqueue.msg_max", "net.core.somaxconn", "net.ipv4.tcp_mem", "vm.swappiness",
    "net/ipv4/tcp_syncookies", "kernel/shm_rmid_forced", "net.ipv4.tcp_rmem2", "net.ipv6.tcp_rmem",
)  # fmt: skip


def random_pods(seed: int, count: int) -> Iterator[Json]:
    """So many pods, always the same for the same seed."""
    random = Random(seed)
    for _ in range(count):
        yield random_pod(random)


def random_pod(random: Random) -> Json:
    """A safe pod to which some changes were made."""
    make = random.choices((_restricted, _plain, _windows), (55, 35, 10))[0]
    pod = make(random)
    table = _CHANGES_ON_WINDOWS if make is _windows and random.random() > ODD else _CHANGES
    for change in random.choices(list(table), list(table.values()), k=_how_many(random)):
        change(random, pod)
    return pod


def random_ephemeral_containers(random: Random) -> list[Json]:
    """One or two ephemeral containers as `kubectl debug` adds them: safe ones, changed as those of pods are.

    They take neither ports nor probes.
    """
    containers = []
    for index in range(random.choice((1, 1, 2))):
        container = _container(f"debugger-{index}", _safe_context() if random.random() < 0.7 else _ABSENT)
        for change in random.choices(_OF_EITHER + _OF_CONTAINER, k=random.choice((0, 1, 1, 2, 4))):
            change(random, _below(container, "securityContext"))
        containers.append(container)
    return containers


def _how_many(random: Random) -> int:
    return random.choices((0, 1, 2, random.randint(3, 5), random.randint(6, 12)), (4, 46, 25, 17, 8))[0]


def _draw(random: Random, usual: Sequence[Any], odd: Sequence[Any] = ()) -> Any:
    value = random.choice(odd if odd and random.random() < ODD else usual)
    return value if value is _ABSENT else copy.deepcopy(value)


def _set(place: Json, key: str, value: object) -> None:
    if value is _ABSENT:
        place.pop(key, None)
    else:
        place[key] = value


def _below(place: Json, key: str) -> Json:
    """The mapping at `key`, made when there is none."""
    if not isinstance(place.get(key), dict):
        place[key] = {}
    below: Json = place[key]
    return below


def _containers(pod: Json, kinds: Sequence[str] = _CONTAINER_LISTS) -> list[Json]:
    listed = (container for kind in kinds for container in pod["spec"].get(kind) or ())
    return [container for container in listed if container is not None]


def _one(random: Random, pod: Json) -> Json:
    """One of its containers, init containers as often as others."""
    kinds = ("initContainers",) if random.random() < 0.5 else ("containers",)
    return random.choice(_containers(pod, kinds) or _containers(pod))


# Safe pods


def _container(name: str, context: object) -> Json:
    container: Json = {"name": name, "image": "example.org/app:1"}
    _set(container, "securityContext", context)
    return container


def _safe_context() -> Json:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _pod(random: Random, contexts: Callable[[], object]) -> Json:
    """A pod of one to three containers, perhaps init containers, and those perhaps sidecars."""
    spec: Json = {"containers": [_container(name, contexts()) for name in ("web", "log", "proxy")[: _few(random)]]}
    if random.random() < 0.5:
        spec["initContainers"] = [_container(name, contexts()) for name in ("setup", "wait")[: _few(random)]]
        for container in spec["initContainers"]:
            if random.random() < 0.5:
                container["restartPolicy"] = "Always"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}


def _few(random: Random) -> int:
    return random.choice((1, 1, 1, 2, 2, 3))


def _restricted(random: Random) -> Json:
    """A pod that restricted admits; what either side may say is said by the pod, by each container or by both."""
    pod = _pod(random, _safe_context)
    shared = _below(pod["spec"], "securityContext")
    for key in ("runAsNonRoot", "seccompProfile"):
        who = random.choice(("pod", "containers", "both"))
        if who != "containers":
            shared[key] = _safe_context()[key]
        for container in _containers(pod) if who == "pod" else ():
            _set(container["securityContext"], key, random.choice((None, _ABSENT)))
    if random.random() < 0.3:
        shared["runAsUser"] = 1000
    return pod


def _plain(random: Random) -> Json:
    """A pod that says nothing of its security, in one way or another: baseline admits it, restricted doesn't."""
    silence = (_ABSENT, _ABSENT, None, {}, {"capabilities": None}, {"runAsNonRoot": None})
    pod = _pod(random, lambda: _draw(random, silence))
    _set(pod["spec"], "securityContext", _draw(random, (_ABSENT, None, {}, {"runAsNonRoot": None, "sysctls": None})))
    return pod


def _windows(random: Random) -> Json:
    """A pod for Windows, which has no seccomp, no capabilities and no privilege escalation to speak of."""
    pod = _pod(random, lambda: _draw(random, (_ABSENT, {}, {"runAsNonRoot": True}, {"windowsOptions": {}})))
    pod["spec"] |= {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": random.choice((True, True, None))}}
    return pod


# Changes to a security context, a pod's or a container's


def _run_as_non_root(random: Random, context: Json) -> None:
    _set(context, "runAsNonRoot", _draw(random, _FLAGS, ("true", 1)))


def _run_as_user(random: Random, context: Json) -> None:
    _set(context, "runAsUser", _draw(random, (0, 0, 1, 1000, 2**31 - 1, None), (-1, 2**31, 0.5, "0")))


def _seccomp(random: Random, context: Json) -> None:
    usual = (
        {"type": "RuntimeDefault"},
        {"type": "Localhost", "localhostProfile": "web.json"},
        {"type": "Unconfined"},
        {"type": "Unconfined", "localhostProfile": None},
        None,
        _ABSENT,
    )
    odd = ({}, {"type": ""}, {"type": "unconfined"}, {"type": "Localhost"}, {"type": None}, "RuntimeDefault")
    _set(context, "seccompProfile", _draw(random, usual, odd))


def _app_armor(random: Random, context: Json) -> None:
    usual = (
        {"type": "RuntimeDefault"},
        {"type": "Localhost", "localhostProfile": "web"},
        {"type": "Unconfined"},
        {"type": "Unconfined", "localhostProfile": None},
        None,
        _ABSENT,
    )
    odd = ({}, {"type": ""}, {"type": "unconfined"}, {"type": "Localhost"}, {"type": None})
    _set(context, "appArmorProfile", _draw(random, usual, odd))


def _se_linux(random: Random, context: Json) -> None:
    allowed = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
    forbidden = ("spc_t", "unconfined_t", "container_t ", "Container_t", "container_logreader_t")
    options = _draw(random, ({}, {"type": random.choice(allowed)}, {"type": random.choice(forbidden)}, None))
    if options is not None and random.random() < 0.5:
        options[random.choice(("user", "role"))] = random.choice((None, "", "system_u", "system_r"))
        options["level"] = random.choice((None, "", "s0:c1,c2"))
    _set(context, "seLinuxOptions", options)


def _windows_options(random: Random, context: Json) -> None:
    usual = (None, {}, {"hostProcess": None}, {"hostProcess": False}, {"runAsUserName": "ContainerUser"})
    _set(context, "windowsOptions", _draw(random, usual, ({"hostProcess": True}, {"hostProcess": "true"})))


# Changes to a container's security context


def _privileged(random: Random, context: Json) -> None:
    value = _draw(random, (True, *_FLAGS), ("true",))
    _set(context, "privileged", value)
    if value is True and random.random() > ODD:
        _set(context, "allowPrivilegeEscalation", _draw(random, (True, None, _ABSENT)))


def _privilege_escalation(random: Random, context: Json) -> None:
    _set(context, "allowPrivilegeEscalation", _draw(random, _FLAGS, ("false", 0)))


def _capabilities(random: Random, context: Json) -> None:
    capabilities = _draw(random, (None, _ABSENT, {}, *({"drop": ["ALL"]},) * 9), ("ALL", ["ALL"]))
    if isinstance(capabilities, dict):
        if random.random() < 0.85:
            capabilities["add"] = random.sample(_DEFAULT_CAPABILITIES, random.choice((0, 1, 1, 3)))
            capabilities["add"] += random.sample(_OTHER_CAPABILITIES, random.choice((0, 0, 1)))
        else:
            capabilities["add"] = random.choice((None, ["NET_BIND_SERVICE"]))
        if random.random() < 0.3:
            drop = (["all"], ["NET_RAW"], ["KILL", "ALL"], ["ALL", None], [None], [], None)
            capabilities["drop"] = _draw(random, drop, ("ALL",))
        if "CAP_SYS_ADMIN" in (capabilities.get("add") or ()):
            _set(context, "allowPrivilegeEscalation", None)
    _set(context, "capabilities", capabilities)


def _proc_mount(random: Random, context: Json) -> None:
    _set(context, "procMount", _draw(random, ("Default", None, _ABSENT), ("Unmasked", "", "unmasked")))


_OF_EITHER: Final = (_run_as_non_root, _run_as_user, _seccomp, _app_armor, _se_linux, _windows_options)
_OF_CONTAINER: Final = (_privileged, _privilege_escalation, _capabilities, _proc_mount)


# Changes to a pod


def _of_either(change: _Change) -> _Change:
    def changed(random: Random, pod: Json) -> None:
        place = pod["spec"] if random.random() < 0.45 else _one(random, pod)
        change(random, _below(place, "securityContext"))

    return changed


def _of_container(change: _Change) -> _Change:
    def changed(random: Random, pod: Json) -> None:
        change(random, _below(_one(random, pod), "securityContext"))

    return changed


def _whole_context(random: Random, pod: Json) -> None:
    """Nothing is left of what the pod, or one of its containers, says of its security."""
    place = random.choice((pod["spec"], *_containers(pod)))
    _set(place, "securityContext", _draw(random, (None, {}, _ABSENT), ([], "")))


def _host_namespaces(random: Random, pod: Json) -> None:
    namespace = random.choice(("hostNetwork", "hostPID", "hostIPC"))
    _set(pod["spec"], namespace, _draw(random, (True, *_FLAGS), ("true", 1)))
    if random.random() > ODD:
        pod["spec"].pop("hostUsers", None)


def _on_the_hosts_network(random: Random, pod: Json) -> None:
    """The ports of such a pod are the node's, whether they say so or not; of init containers, whatever they say."""
    pod["spec"]["hostNetwork"] = True
    pod["spec"].pop("hostUsers", None)
    container = _one(random, pod)
    container["ports"] = [{"containerPort": 8000, **_draw(random, ({}, {"hostPort": None}, {"hostPort": 8000}))}]


def _host_process(random: Random, pod: Json) -> None:
    """A HostProcess pod: on the host's network, in all of its containers, said by it or by each of them."""
    spec = pod["spec"]
    spec |= {"hostNetwork": True, "os": _draw(random, ({"name": "windows"}, None))}
    spec.pop("hostUsers", None)
    everywhere = random.random() < 0.5
    _below(_below(spec, "securityContext"), "windowsOptions")["hostProcess"] = True if everywhere else None
    for container in _containers(pod):
        said = _draw(random, (True, None) if everywhere else (True,))
        _below(_below(container, "securityContext"), "windowsOptions")["hostProcess"] = said


def _user_namespace(random: Random, pod: Json) -> None:
    """User namespaces, with which a pod may show all of /proc."""
    pod["spec"]["hostUsers"] = _draw(random, (False, False, True, None), ("false",))
    if random.random() > ODD:
        for namespace in ("hostNetwork", "hostPID", "hostIPC"):
            pod["spec"].pop(namespace, None)
    if pod["spec"]["hostUsers"] is False and random.random() < 0.7:
        _below(_one(random, pod), "securityContext")["procMount"] = "Unmasked"


def _ports(random: Random, pod: Json) -> None:
    container = _one(random, pod)
    usual = ({}, {"hostPort": None}, {"hostPort": 0}, {"hostPort": 1}, {"hostPort": 65535, "hostIP": "127.0.0.1"})
    odd = ({"hostPort": 65536}, {"hostPort": -1}, {"hostPort": "80"}, {"containerPort": 0})
    ports = []
    for number in range(random.choice((0, 1, 1, 2))):
        port = {"containerPort": 8000 + number, "protocol": random.choice(("TCP", "UDP"))}
        ports.append(port | _draw(random, (*usual, {"hostPort": 8000 + number}), odd))
    container["ports"] = ports or random.choice((None, []))


def _probes_and_hooks(random: Random, pod: Json) -> None:
    """Probes and lifecycle hooks, with or without a host: the control over those came after 1.33."""
    container = _one(random, pod)
    # Of the init containers, sidecars alone may have them.
    if container in (pod["spec"].get("initContainers") or ()) and random.random() > ODD:
        container["restartPolicy"] = "Always"
    probes, hooks = ("livenessProbe", "readinessProbe", "startupProbe"), ("postStart", "preStop")
    hosts = ({}, {"host": None}, {"host": ""}, {"host": "127.0.0.1"}, {"host": "192.168.0.1"}, {"host": "nas"})
    for where in random.sample(probes + hooks, random.choice((1, 1, 2, 3))):
        asked = {random.choice(("httpGet", "tcpSocket")): {"port": 80, **random.choice(hosts)}}
        place = _below(container, "lifecycle") if where in hooks else container
        place[where] = _draw(random, (*(asked,) * 8, {"exec": {"command": ["true"]}}, None), ({},))


def _annotation(random: Random, pod: Json) -> None:
    """AppArmor's old way, for a container of the pod; or seccomp's, which nothing reads any more."""
    name = _draw(random, [each["name"] for each in _containers(pod)], ("nobody", ""))
    usual = ("", None, "runtime/default", "localhost/", "localhost/web", "unconfined", "unconfined")
    odd = ("RuntimeDefault", "localhost", "Unconfined", " runtime/default", 1)
    annotations = _below(pod["metadata"], "annotations")
    if random.random() < 0.85:
        annotations[_APP_ARMOR + name] = _draw(random, usual, odd)
    else:
        key = random.choice(("seccomp.security.alpha.kubernetes.io/pod", "example.org/apparmor"))
        annotations[key] = random.choice(("unconfined", "runtime/default", "localhost/web"))


def _volumes(random: Random, pod: Json) -> None:
    volumes = pod["spec"].get("volumes") or []
    pod["spec"]["volumes"] = volumes
    for _ in range(random.choice((1, 1, 2))):
        kind, other = random.sample(sorted(VOLUME_SOURCES), 2)
        source, second = VOLUME_SOURCES[kind], VOLUME_SOURCES[other]
        usual = ({}, {kind: None}, {"hostPath": {"path": "/"}}, {other: None, kind: source}, *({kind: source},) * 8)
        odd = ({kind: {}}, {kind: []}, {"unheardOf": {}})
        # Two sources are one too many, but for `image`, with which an API server of 1.33 leaves out the other as well.
        if "image" not in (kind, other):
            odd += ({kind: source, other: second},)
        volumes.append({"name": f"volume-{len(volumes)}", **_draw(random, usual, odd)})


def _sysctls(random: Random, pod: Json) -> None:
    names = random.sample(_SYSCTLS, random.choice((0, 1, 1, 1, 2)))
    sysctls: Any = [{"name": name, "value": "1"} for name in names] or random.choice((None, []))
    odd = ([{"value": "1"}], [{"name": ""}], [None], [{"name": "Kernel.MsgMax!", "value": "1"}], {})
    _below(pod["spec"], "securityContext")["sysctls"] = _draw(random, (sysctls,), odd)


def _system(random: Random, pod: Json) -> None:
    odd = ({"name": "windows"}, {}, {"name": "Windows"})
    _set(pod["spec"], "os", _draw(random, (None, _ABSENT, {"name": "linux"}), odd))


def _another_container(random: Random, pod: Json) -> None:
    """One more container, which may have forgotten what the others say for themselves."""
    kind = random.choice(_CONTAINER_LISTS)
    containers = pod["spec"].get(kind) or []
    pod["spec"][kind] = containers
    context = _draw(random, (_ABSENT, None, {}, _safe_context()))
    containers.append(_container(f"{kind[:4].lower()}-{len(containers)}", context))


def _empty_list(random: Random, pod: Json) -> None:
    """A list that is there and has nothing in it; no pod is made with ephemeral containers."""
    key = random.choice(("initContainers", "volumes", "ephemeralContainers", "annotations"))
    if key == "annotations":
        pod["metadata"][key] = random.choice((None, {}))
    elif not pod["spec"].get(key):
        odd = ([None], {}, [_container("debugger", _safe_context())])
        pod["spec"][key] = _draw(random, (None, []), odd)


def _misspelt(random: Random, pod: Json) -> None:
    """A key that Kubernetes doesn't know there, and so leaves out: keys are told apart by case."""
    spec, container = pod["spec"], _one(random, pod)
    context = _below(container, "securityContext")
    unknown = ((spec, "HostNetwork"), (spec, "hostPid"), (spec, "privileged"), (container, "privileged"))
    unknown += ((context, "Privileged"), (context, "hostNetwork"), (context, "AllowPrivilegeEscalation"))
    place, key = random.choice(unknown)
    place[key] = True


def _read_by_no_control(random: Random, pod: Json) -> None:
    """Fields beside those that controls read."""
    key, value = random.choice(
        (
            ("runtimeClassName", "nvidia"),
            ("shareProcessNamespace", False),
            ("hostname", "privileged"),
            ("hostAliases", [{"ip": "192.168.0.1", "hostnames": ["nas"]}]),
            ("automountServiceAccountToken", True),
            ("enableServiceLinks", False),
        )
    )
    pod["spec"][key] = value


_CHANGES_ON_WINDOWS: Final[Mapping[_Change, int]] = {
    _of_either(_run_as_non_root): 4,
    _of_either(_windows_options): 3,
    _host_process: 4,
    _ports: 2,
    _probes_and_hooks: 2,
    _volumes: 3,
    _annotation: 2,
    _whole_context: 2,
    _another_container: 1,
    _empty_list: 1,
    _read_by_no_control: 1,
}
"""Changes that leave a pod for Windows valid; the numbers say how often, compared with each other."""

_CHANGES: Final[Mapping[_Change, int]] = {
    **{_of_either(change): 4 for change in (_run_as_non_root, _run_as_user, _seccomp, _app_armor)},
    _of_either(_se_linux): 6,
    _of_either(_windows_options): 2,
    **{_of_container(change): 4 for change in (_privileged, _privilege_escalation, _proc_mount)},
    _of_container(_capabilities): 6,
    _host_namespaces: 4,
    _on_the_hosts_network: 1,
    _host_process: 1,
    _user_namespace: 3,
    _ports: 4,
    _probes_and_hooks: 4,
    _annotation: 4,
    _volumes: 8,
    _sysctls: 5,
    _system: 1,
    _whole_context: 2,
    _another_container: 3,
    _empty_list: 2,
    _misspelt: 2,
    _read_by_no_control: 1,
}
"""All changes."""
