"""The home's own rules on workloads: images, privileges, budgets."""

from __future__ import annotations

from typing import Any

import pytest

from policies.parameters import DEFAULTS
from policies.resource import Resource
from policies.rules.budgets import budgeted
from policies.rules.host_access import CHECKS as HOST_ACCESS
from policies.rules.images import pinned, unpinned
from policies.unknown import UNKNOWN
from policies.workloads import Workload, workloads
from tests.policies.pods import Json, changed, hardened


def made(pod: Json) -> Workload:
    (workload,) = workloads(Resource("urn", "kubernetes:core/v1:Pod", "web", pod))
    return workload


DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "reference",
    [
        "nginx:1.29.1",
        "docker.io/library/nginx:1.29.1-alpine",
        "registry.local:5000/a/b:v1",
        f"nginx@{DIGEST}",
        f"nginx:1.29.1@{DIGEST}",
        f"nginx:latest@{DIGEST}",
        f"registry.local:5000/nginx@{DIGEST}",
    ],
)
def test_an_image_with_a_tag_or_a_digest_is_pinned(reference: str) -> None:
    assert unpinned(reference) is None
    assert list(pinned(made(changed("spec.containers.0.image", reference)), DEFAULTS)) == []


@pytest.mark.parametrize(
    ("reference", "lack"),
    [
        ("nginx", "an image without a tag"),
        ("nginx:", "an image without a tag"),
        ("registry.local:5000/nginx", "an image without a tag"),
        ("nginx:latest", "an image with the tag `latest`"),
        ("registry.local:5000/nginx:Latest", "an image with the tag `latest`"),
        ("nginx:-1", "an image with a tag that isn't one"),
        ("nginx@sha256:1234", "an image with a digest that isn't one"),
        ("nginx:1.29.1@", "an image with a digest that isn't one"),
        ("", "missing"),
        (None, "missing"),
    ],
)
def test_any_other_image_is_told_of(reference: str | None, lack: str) -> None:
    (fault,) = pinned(made(changed("spec.containers.0.image", reference)), DEFAULTS)
    assert fault.sentence == (
        f"spec.containers[0].image is {lack}, allowed is a fixed tag or a digest: "
        "take the image's reference from versions.yaml."
    )


def test_images_of_all_containers_and_of_volumes_are_looked_at() -> None:
    pod = hardened()
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        pod["spec"][kind] = [{"image": "nginx:latest"}]
    pod["spec"]["volumes"] = [{"image": {"reference": "model"}}, {"image": {"reference": "model:1"}}, {"emptyDir": {}}]
    assert [fault.path for fault in pinned(made(pod), DEFAULTS)] == [
        "spec.initContainers[0].image",
        "spec.containers[0].image",
        "spec.ephemeralContainers[0].image",
        "spec.volumes[0].image.reference",
    ]


def test_an_unknown_image_is_undecided() -> None:
    (fault,) = pinned(made(changed("spec.containers.0.image", UNKNOWN)), DEFAULTS)
    assert fault.undecided
    assert fault.sentence == "spec.containers[0].image is not known yet, so this is decided at `pulumi up`."


@pytest.mark.parametrize(("value", "verdict"), [(None, []), (False, []), (True, [False]), (UNKNOWN, [True])])
def test_a_privileged_container_is_told_of(value: Any, verdict: list[bool]) -> None:
    pod = changed("spec.containers.0.securityContext.privileged", value)
    assert [fault.undecided for fault in HOST_ACCESS[0].faults(made(pod), DEFAULTS)] == verdict


@pytest.mark.parametrize("path", ["requests.cpu", "requests.memory", "limits.memory"])
@pytest.mark.parametrize("value", [None, "", "0", "0Mi", "0.0", "00", "0e3", "-0", 0, 0.0])
def test_a_container_without_a_request_or_memory_limit_is_told_of(path: str, value: Any) -> None:
    (fault,) = budgeted(made(changed(f"spec.containers.0.resources.{path}", value)), DEFAULTS)
    assert fault.path == f"spec.containers[0].resources.{path}"
    assert not fault.undecided


@pytest.mark.parametrize("value", ["1", "250m", "0.5", "64Mi", "1e3", ".5", 1, 0.1])
def test_any_amount_greater_than_nothing_will_do(value: Any) -> None:
    assert list(budgeted(made(changed("spec.containers.0.resources.requests.cpu", value)), DEFAULTS)) == []


def test_a_cpu_limit_is_not_asked_for() -> None:
    assert list(budgeted(made(hardened()), DEFAULTS)) == []


def test_init_containers_have_a_budget_too_and_ephemeral_ones_cannot() -> None:
    pod = hardened()
    pod["spec"] |= {"initContainers": [{"name": "init"}], "ephemeralContainers": [{"name": "debug"}]}
    assert [fault.path for fault in budgeted(made(pod), DEFAULTS)] == [
        "spec.initContainers[0].resources.requests.cpu",
        "spec.initContainers[0].resources.requests.memory",
        "spec.initContainers[0].resources.limits.memory",
    ]


@pytest.mark.parametrize("path", ["resources", "resources.requests", "resources.requests.cpu"])
def test_an_unknown_budget_is_undecided(path: str) -> None:
    told = list(budgeted(made(changed(f"spec.containers.0.{path}", UNKNOWN)), DEFAULTS))
    assert told
    assert all(fault.undecided for fault in told)
