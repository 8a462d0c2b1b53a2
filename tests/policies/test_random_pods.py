"""The random pods by which the policies are compared with a real API server would bring any mistake to light.

Whatever is taken away here from a control, some pod among those of a run is then judged otherwise.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest

from policies import pod_security
from policies.field import Field
from policies.pod import ADMITTED_VOLUMES, OTHER_VOLUMES, POD, Pod, read
from policies.pod_security import (
    CONTROLS,
    Control,
    Level,
    Version,
    capabilities,
    faults,
    se_linux,
    sysctls,
    violations,
    volume_types,
)
from policies.shape import ANY, Shape
from tests.policies import random_pods
from tests.policies.pods import Json, hardened

# The version in which every control of the pack exists.
NEWEST: Version = (1, 34)
# A HostProcess pod that is valid is on the host's network, which Host Namespaces forbids as well.
NEVER_ALONE = "windows-host-process"


def pods(count: int) -> list[Json]:
    return list(random_pods.random_pods(random_pods.SEED, count))


def debugged(count: int) -> list[Json]:
    """A pod that passes, with random ephemeral containers."""
    random = Random(random_pods.SEED)
    drawn = (random_pods.random_ephemeral_containers(random) for _ in range(count))
    return [hardened() | {"spec": hardened()["spec"] | {"ephemeralContainers": containers}} for containers in drawn]


@pytest.fixture(scope="module")
def drawn() -> list[Json]:
    """The pods of a run."""
    return pods(random_pods.COUNT)


@pytest.fixture(scope="module")
def refusing(drawn: list[Json]) -> dict[Level, list[tuple[Json, set[str]]]]:
    """By level, those of the pods that some control refuses, with all controls that do."""
    levels: tuple[Level, ...] = ("baseline", "restricted")
    named = {level: [(pod, controls_of(pod, level)) for pod in drawn] for level in levels}
    return {level: [(pod, names) for pod, names in named[level] if names] for level in levels}


def controls_of(pod: Json, level: Level) -> set[str]:
    return {control.name for control, _ in faults(read(pod)[0], level, NEWEST)}


def refused(drawn: list[Json], level: Level) -> list[bool]:
    return [bool(violations(pod, level)) for pod in drawn]


def test_the_same_seed_gives_the_same_pods_and_another_seed_others() -> None:
    assert pods(50) == pods(50)
    assert pods(50) == pods(100)[:50]
    assert pods(50) != list(random_pods.random_pods(random_pods.SEED + 1, 50))


def test_pods_are_plain_data_that_share_nothing() -> None:
    drawn = pods(200)
    assert json.loads(json.dumps(drawn)) == drawn
    for index, pod in enumerate(drawn):
        following = drawn[index + 1 : index + 20]
        before = json.dumps(following)
        empty(pod)
        assert json.dumps(following) == before
    assert pods(1) != drawn[:1]


def empty(value: Any) -> None:
    """Take everything out, down to the bottom."""
    for part in list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()):
        empty(part)
    if isinstance(value, dict | list):
        value.clear()


def test_there_is_a_source_for_every_kind_of_volume() -> None:
    assert set(random_pods.VOLUME_SOURCES) == ADMITTED_VOLUMES | OTHER_VOLUMES


def test_every_field_that_a_control_reads_is_drawn(drawn: list[Json]) -> None:
    # Some are the home's own rules' alone; ephemeral containers take neither ports nor probes.
    beside = re.compile(
        r"\.resources\.|ephemeralContainers\.(?!securityContext\.)|Containers?\.(args|command|env|restartPolicy|volumeMounts)"
        r"|\.containers\.(args|command|env|restartPolicy|volumeMounts)|volumes\.(name|projected)"
        r"|spec\.(affinity|automountServiceAccountToken|node\w+|restartPolicy|runtimeClassName)"
    )
    read_by_controls = {path for path in fields(POD) if not beside.search(path)}
    said = {path for pod in drawn + debugged(500) for path in told(pod, POD)}
    assert read_by_controls - said == set()


def fields(shape: Shape, path: str = "") -> Iterator[str]:
    """The path of every field of a shape, without the places in lists."""
    if isinstance(shape, list):
        yield from fields(shape[0], path)
    elif isinstance(shape, Mapping) and shape:
        for key, part in shape.items():
            yield from fields(part, f"{path}.{key}" if path else key)
    else:
        yield path


def told(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """The path of every field of a shape at which plain data has a value."""
    if value is None:
        return
    if isinstance(shape, list):
        for element in value if isinstance(value, list) else ():
            yield from told(element, shape[0], path)
    elif isinstance(shape, Mapping) and shape:
        for key, part in shape.items() if isinstance(value, dict) else ():
            for below in value.values() if key == ANY else (value.get(key),):
                yield from told(below, part, f"{path}.{key}" if path else key)
    else:
        yield path


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_that_says_nothing_would_be_noticed(
    control: Control, refusing: dict[Level, list[tuple[Json, set[str]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = {"host-namespaces", "host-ports"} if control.name == NEVER_ALONE else set()
    shown = [pod for pod, names in refusing[control.level] if control.name in names <= {control.name} | together]
    assert len(shown) >= 5
    silent = dataclasses.replace(control, check=lambda pod, version: iter(()))
    monkeypatch.setattr(pod_security, "CONTROLS", tuple(silent if each is control else each for each in CONTROLS))
    assert all(controls_of(pod, control.level) <= together for pod in shown)


NOTHING = Field("", None)
UNSEEN: dict[str, tuple[str, Any]] = {
    "init containers": ("containers", lambda pod: pod.spec.get("containers").items()),
    "regular containers": ("containers", lambda pod: pod.spec.get("initContainers").items()),
    "containers but the first": ("containers", lambda pod: list(pod.spec.get("containers").items())[:1]),
    "the pod's security context": ("security", property(lambda pod: NOTHING)),
    "annotations": ("annotations", property(lambda pod: NOTHING)),
    "volumes": ("volumes", lambda pod: iter(())),
    "volumes but the first": ("volumes", lambda pod: list(pod.spec.get("volumes").items())[:1]),
}


@pytest.mark.parametrize(("place", "blind"), UNSEEN.values(), ids=UNSEEN)
def test_a_place_where_no_control_looks_would_be_noticed(
    place: str, blind: Any, drawn: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = drawn[:600]
    before = refused(some, "restricted")
    monkeypatch.setattr(Pod, place, blind)
    assert refused(some, "restricted") != before


def test_ephemeral_containers_where_no_control_looks_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    some = debugged(200)
    before = refused(some, "restricted")
    monkeypatch.setattr(Pod, "containers", Pod.lasting_containers)
    assert refused(some, "restricted") != before


# The module of a control, the name of what it allows, and one value of that.
ALLOWED: list[tuple[Any, str, str]] = [
    *((capabilities, "DEFAULT", capability) for capability in sorted(capabilities.DEFAULT)),
    *((se_linux, "TYPES", name) for name in se_linux.TYPES),
    *((sysctls, "SAFE", sysctl) for sysctl in sysctls.SAFE),
    *((volume_types, "ADMITTED_VOLUMES", source) for source in sorted(ADMITTED_VOLUMES)),
]


@pytest.mark.parametrize(("control", "name", "value"), ALLOWED, ids=[value for *_, value in ALLOWED])
def test_an_allowed_value_that_is_refused_would_be_noticed(
    control: Any, name: str, value: str, drawn: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    level: Level = "restricted" if control is volume_types else "baseline"
    some = [pod for pod in drawn if f'"{value}"' in json.dumps(pod)]
    before = refused(some, level)
    allowed = getattr(control, name)
    if isinstance(allowed, Mapping):
        monkeypatch.delitem(allowed, value)
    else:
        monkeypatch.setattr(control, name, allowed - {value})
    assert refused(some, level) != before
