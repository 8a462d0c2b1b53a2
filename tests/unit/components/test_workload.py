"""The hardened builder: what every pod of the home gets, and what it takes to be an exception."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import objects as builder
from components.workload import (
    LEVELS,
    Claim,
    Container,
    Deviation,
    EveryGpu,
    Exec,
    Files,
    HostPath,
    Http,
    Mount,
    PodField,
    Probe,
    Resources,
    Scratch,
    SecretFiles,
    SecretKey,
    Slices,
    Tcp,
    User,
    Workload,
    pod_security_level,
)
from policies.pod_security import violations

SMALL = Resources(cpu="10m", memory="32Mi")
SERVER = Container(
    name="server",
    image="example.org/server:1.2.3",
    resources=SMALL,
    ports={"http": 8080},
    readiness=Probe(Http("/health")),
)
PLAIN = Workload(name="app", namespace="room", user=User(1000, 1000), containers=(SERVER,))


def with_container(**changes: object) -> Workload:
    """The plain workload with its one container changed."""
    return replace(PLAIN, containers=(replace(SERVER, **changes),))  # type: ignore[arg-type]


def pod(workload: Workload) -> dict[str, object]:
    """What the API server would judge."""
    return builder.pod_template(workload)


def only_container(workload: Workload) -> dict[str, object]:
    [container] = builder.pod_template(workload)["spec"]["containers"]
    return container


def test_a_plain_workload_meets_the_restricted_standard() -> None:
    assert violations(pod(PLAIN), "restricted") == []
    assert pod_security_level([PLAIN]) == "restricted"


def test_a_plain_workload_has_a_read_only_root_and_no_token() -> None:
    assert only_container(PLAIN)["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod(PLAIN)["spec"]["automountServiceAccountToken"] is False
    assert builder.service_account(PLAIN)["automountServiceAccountToken"] is False


def test_a_memory_limit_is_set_and_a_cpu_limit_is_not() -> None:
    limits = only_container(with_container(resources=Resources("100m", "1Gi", memory_limit="2Gi")))["resources"][
        "limits"
    ]
    assert limits == {"memory": "2Gi"}


# One way to deviate for each `Deviation`.
DEVIATING = {
    Deviation.PRIVILEGED: {"containers": (replace(SERVER, privileged=True),)},
    Deviation.HOST_NETWORK: {"host_network": True},
    Deviation.HOST_PATH: {"containers": (replace(SERVER, mounts=(Mount("/host", HostPath("/var/lib")),)),)},
    Deviation.CAPABILITIES: {"containers": (replace(SERVER, capabilities=("SYS_TIME",)),)},
    Deviation.ROOT_USER: {"user": User(0, 0)},
    Deviation.WRITABLE_ROOT: {"containers": (replace(SERVER, writable_root=True),)},
    Deviation.API_TOKEN: {"api_token": True},
    Deviation.NO_MEMORY_LIMIT: {"containers": (replace(SERVER, resources=replace(SMALL, memory_limit="")),)},
    Deviation.NO_PROBES: {"containers": (replace(SERVER, readiness=None),)},
    Deviation.EVERY_GPU: {"containers": (replace(SERVER, gpu=EveryGpu()),)},
}


def test_every_deviation_has_a_case_here() -> None:
    assert set(DEVIATING) == set(Deviation)


@pytest.mark.parametrize("deviation", Deviation, ids=lambda one: one.label)
def test_a_deviation_without_a_reason_is_refused(deviation: Deviation) -> None:
    with pytest.raises(ValueError, match=f'app: deviates by "{deviation.label}" but gives no reason'):
        replace(PLAIN, **DEVIATING[deviation])


@pytest.mark.parametrize("deviation", Deviation, ids=lambda one: one.label)
def test_a_deviation_that_is_named_but_not_needed_is_refused(deviation: Deviation) -> None:
    with pytest.raises(ValueError, match=f'names the deviation "{deviation.label}", which it does not need'):
        replace(PLAIN, deviations={deviation: "just in case"})


@pytest.mark.parametrize("deviation", Deviation, ids=lambda one: one.label)
def test_an_empty_reason_is_none(deviation: Deviation) -> None:
    with pytest.raises(ValueError, match=f'the deviation "{deviation.label}" needs a reason'):
        replace(PLAIN, **DEVIATING[deviation], deviations={deviation: "  "})


@pytest.mark.parametrize("deviation", Deviation, ids=lambda one: one.label)
def test_the_level_that_a_deviation_leaves_is_the_strictest_that_admits_it(deviation: Deviation) -> None:
    workload = replace(PLAIN, **DEVIATING[deviation], deviations={deviation: "a reason"})
    level = pod_security_level([PLAIN, workload])
    assert level == deviation.level
    stricter = LEVELS[LEVELS.index(level) + 1 :]
    if level != "privileged":
        assert violations(pod(workload), level) == []
    for one in stricter:
        assert violations(pod(workload), one) != [], f"{deviation.label} would pass {one}"


@pytest.mark.parametrize("deviation", Deviation, ids=lambda one: one.label)
def test_a_deviation_shows_on_the_pod_with_its_reason(deviation: Deviation) -> None:
    workload = replace(PLAIN, **DEVIATING[deviation], deviations={deviation: "a reason"})
    assert pod(workload)["metadata"]["annotations"] == {f"homebrain.io/deviation.{deviation.label}": "a reason"}


def test_the_level_of_a_room_without_workloads_is_restricted() -> None:
    assert pod_security_level([]) == "restricted"


def test_a_slice_is_requested_and_the_device_plugin_alone_says_which_card() -> None:
    workload = with_container(gpu=Slices(1), gpu_capabilities=("compute", "video"))
    container = only_container(workload)
    assert container["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["env"] == [{"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute,video"}]
    assert pod(workload)["spec"]["runtimeClassName"] == "nvidia"
    assert workload.slices == 1


def test_a_pod_that_sees_every_gpu_says_so_outright_and_requests_none() -> None:
    container = only_container(
        replace(
            with_container(name="server"), **DEVIATING[Deviation.EVERY_GPU], deviations={Deviation.EVERY_GPU: "why"}
        )
    )
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"} in container["env"]
    assert "nvidia.com/gpu" not in container["resources"]["requests"]


def test_a_pod_without_gpu_takes_the_ordinary_runtime() -> None:
    assert "runtimeClassName" not in pod(PLAIN)["spec"]
    assert "env" not in only_container(PLAIN)


def test_the_environment_can_come_from_secrets_and_from_the_pod() -> None:
    workload = with_container(env={"A": "plain", "B": SecretKey("creds", "password"), "C": PodField("spec.nodeName")})
    assert only_container(workload)["env"] == [
        {"name": "A", "value": "plain"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "creds", "key": "password"}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]


def test_probes_ask_as_they_are_told() -> None:
    workload = with_container(
        startup=Probe(Tcp(), failures=30), readiness=Probe(Http("/ready")), liveness=Probe(Exec(("alive", "-q")))
    )
    container = only_container(workload)
    assert container["startupProbe"]["tcpSocket"] == {"port": "http"}
    assert container["startupProbe"]["failureThreshold"] == 30
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert container["livenessProbe"]["exec"] == {"command": ["alive", "-q"]}


def test_each_volume_is_declared_once_however_often_it_is_mounted() -> None:
    shared = Scratch("tmp", "64Mi", in_memory=True)
    workload = replace(
        PLAIN,
        init_containers=(Container("first", "example.org/first:1", SMALL, mounts=(Mount("/tmp", shared),)),),
        containers=(
            replace(
                SERVER, mounts=(Mount("/tmp", shared), Mount("/data", Claim("data")), Mount("/s", SecretFiles("key")))
            ),
        ),
    )
    spec = pod(workload)["spec"]
    assert spec["volumes"] == [
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi", "medium": "Memory"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "key", "secret": {"secretName": "key", "defaultMode": 0o444}},
    ]
    assert spec["containers"][0]["volumeMounts"][2] == {"name": "key", "mountPath": "/s", "readOnly": True}


def test_two_different_volumes_of_one_name_are_refused() -> None:
    workload = with_container(mounts=(Mount("/a", Scratch("x", "1Mi")), Mount("/b", Scratch("x", "2Mi"))))
    with pytest.raises(ValueError, match='app: two different volumes are named "x"'):
        builder.pod_template(workload)


def test_two_ports_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one container has a port named http"):
        replace(PLAIN, containers=(SERVER, replace(SERVER, name="other")))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_changed_file_rolls_the_pod_and_an_unchanged_one_does_not(before: str, after: str) -> None:
    def template(content: str) -> object:
        return pod(with_container(mounts=(Mount("/config", Files("config", {"app.conf": content})),)))

    assert (template(before) == template(after)) == (before == after)


def test_files_become_a_config_map_of_the_workloads_own() -> None:
    workload = with_container(mounts=(Mount("/config", Files("config", {"app.conf": "x = 1"})),))
    [config_map] = builder.config_maps(workload)
    assert config_map["metadata"]["name"] == "app-config"
    assert config_map["data"] == {"app.conf": "x = 1"}
    assert pod(workload)["spec"]["volumes"] == [{"name": "config", "configMap": {"name": "app-config"}}]


def test_a_deployment_that_writes_to_a_claim_never_runs_twice_at_once() -> None:
    writing = with_container(mounts=(Mount("/data", Claim("data")),))
    reading = with_container(mounts=(Mount("/data", Claim("data"), read_only=True),))
    assert builder.controller(writing)["spec"]["strategy"] == {"type": "Recreate"}
    assert "strategy" not in builder.controller(reading)["spec"]


def test_a_service_reaches_the_ports_by_name_from_inside_the_cluster_only() -> None:
    front = builder.service(PLAIN)
    assert front is not None
    assert front["spec"]["type"] == "ClusterIP"
    assert front["spec"]["selector"].items() <= pod(PLAIN)["metadata"]["labels"].items()
    assert front["spec"]["ports"] == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]


def test_a_workload_without_ports_has_no_service() -> None:
    assert builder.service(with_container(ports={}, readiness=Probe(Exec(("true",))))) is None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_every_kind_of_controller_selects_its_own_pods(kind: str) -> None:
    manifest = builder.controller(replace(PLAIN, kind=kind, nodes=("one", "two")))  # type: ignore[arg-type]
    spec = manifest["spec"]
    assert manifest["kind"] == kind
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert ("replicas" in spec) == (kind != "DaemonSet")
    required = spec["template"]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] == ["one", "two"]


def test_a_pod_with_a_gpu_is_let_onto_a_machine_that_is_kept_for_such() -> None:
    tolerations = pod(with_container(gpu=Slices(1)))["spec"]["tolerations"]
    assert tolerations == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_a_preferred_node_is_worth_twice_the_others_and_demanded_of_nobody() -> None:
    [preferred, anywhere] = pod(replace(PLAIN, prefers="attic"))["spec"]["affinity"]["nodeAffinity"][  # type: ignore[index]
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert preferred["preference"]["matchExpressions"] == [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["attic"]}
    ]
    assert anywhere["preference"]["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "Exists"}]
    assert preferred["weight"] == anywhere["weight"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" not in str(pod(replace(PLAIN, prefers="attic")))


def test_replicas_of_one_generation_are_spread_among_themselves() -> None:
    [spread] = pod(replace(PLAIN, replicas=2))["spec"]["topologySpreadConstraints"]  # type: ignore[index]
    assert spread["matchLabelKeys"] == ["pod-template-hash"]
    # A StatefulSet's pods have no such label, and one takes the place of another under its name.
    [spread] = pod(replace(PLAIN, replicas=2, kind="StatefulSet"))["spec"]["topologySpreadConstraints"]  # type: ignore[index]
    assert "matchLabelKeys" not in spread


def test_what_is_drained_answers_a_while_longer_and_has_time_left_to_end() -> None:
    assert only_container(replace(PLAIN, drain_seconds=5))["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert "lifecycle" not in only_container(PLAIN)
    with pytest.raises(ValueError, match="leave none to end in"):
        replace(PLAIN, grace_seconds=5, drain_seconds=5)
