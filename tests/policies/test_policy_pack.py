"""The pack as the policy SDK calls it, without an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi_policy import EnforcementLevel, PolicyProviderResource, ResourceValidationArgs, ResourceValidationPolicy

from policies import pack
from policies.namespaces import LABEL
from policies.props import DEEPEST, plain
from policies.unknown import UNKNOWN
from tests.policies.engine_props import OPTIONS, TYPE, messages, received, secret, wired
from tests.policies.pods import changed, hardened

MEDIA = ("kubernetes:core/v1:Namespace", {"metadata": {"name": "media", "labels": {LABEL: "baseline"}}})
IN_MEDIA = {"metadata": {"namespace": "media"}}
NFS = changed("spec.volumes.0", {"nfs": {"server": "nas", "path": "/"}})


def test_props_become_plain_data() -> None:
    props = {"a": [1, 2.5, True, None, "b"], "c": {"d": UNKNOWN, "e": [UNKNOWN]}, "f": UNKNOWN}
    assert plain(received(props)) == props
    assert type(plain(received(props))) is dict


def test_secrets_are_plain_values() -> None:
    assert plain(received({"a": secret("b"), "c": [secret(UNKNOWN)]})) == {"a": "b", "c": [UNKNOWN]}


def test_what_is_no_data_is_unknown() -> None:
    assert plain(wired(UNKNOWN)) is UNKNOWN
    assert plain(object()) is UNKNOWN
    assert plain(b"bytes") is UNKNOWN


def test_what_lies_too_deep_is_unknown() -> None:
    deep: Any = "bottom"
    for _ in range(DEEPEST * 2):
        deep = [deep]
    copied = plain(deep)
    while isinstance(copied, list):
        copied = copied[0]
    assert copied is UNKNOWN


def test_a_violation_of_a_resource_is_reported_with_it() -> None:
    told = messages(MEDIA, (TYPE, changed("spec.containers.0.securityContext.procMount", "Unmasked") | IN_MEDIA))
    (message,) = told["homebrain-resources"]
    assert message.startswith(
        "Pod r1: spec.containers[0].securityContext.procMount is `Unmasked`, allowed is `Default` or nothing: "
    )
    assert told["homebrain-stack"] == []
    assert told["homebrain-notes"] == []


def test_a_violation_that_only_the_stack_shows_is_reported_in_the_end() -> None:
    told = messages((TYPE, NFS | IN_MEDIA))
    assert told["homebrain-resources"] == []
    (message,) = told["homebrain-stack"]
    assert "[pod-security/restricted-volumes: medium" in message
    assert messages((TYPE, NFS | IN_MEDIA), MEDIA)["homebrain-stack"] == []


def test_what_is_undecided_is_reported_without_refusing() -> None:
    told = messages(MEDIA, (TYPE, changed("spec.containers.0.image", UNKNOWN) | IN_MEDIA))
    assert told["homebrain-resources"] == told["homebrain-stack"] == []
    (note,) = told["homebrain-notes"]
    assert note == (
        "Pod r1: spec.containers[0].image is not known yet, so this is decided at `pulumi up`. "
        "[image-pinned, image-registry]"
    )


def test_enforcement_is_configured_by_rule() -> None:
    pod = (TYPE, changed("spec.containers.0.image", "nginx") | IN_MEDIA)
    assert len(messages(MEDIA, pod)["homebrain-resources"]) == 1
    told = messages(MEDIA, pod, rules={"image-pinned": "advisory"})
    assert told["homebrain-resources"] == []
    assert len(told["homebrain-notes"]) == 1
    assert not any(messages(MEDIA, pod, rules={"image-pinned": "disabled"}).values())


@pytest.mark.parametrize(("namespace", "refused"), [("media", 0), (UNKNOWN, 0), ("other", 1)])
def test_a_pod_without_a_namespace_is_in_its_providers(namespace: Any, refused: int) -> None:
    provider = PolicyProviderResource("pulumi:providers:kubernetes", received({"namespace": namespace}), "p", "p")
    told = messages(MEDIA, (TYPE, NFS | {"metadata": {}}), provider=provider)
    assert len(told["homebrain-resources"] + told["homebrain-stack"]) == refused


def test_a_namespace_that_the_program_only_reads_has_its_level_too() -> None:
    assert len(messages((TYPE, NFS | IN_MEDIA))["homebrain-stack"]) == 1
    assert messages((TYPE, NFS | IN_MEDIA), read=(MEDIA,))["homebrain-stack"] == []


def test_resources_that_no_rule_reads_are_not_even_touched() -> None:
    class Untouchable(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise AssertionError("touched")

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("touched")

        def __len__(self) -> int:
            raise AssertionError("touched")

    args = ResourceValidationArgs("kubernetes:core/v1:Secret", Untouchable(), "urn", "s", OPTIONS, None)
    per_resource = pack.Pack(()).policies()[0]
    assert isinstance(per_resource, ResourceValidationPolicy)
    assert per_resource.validate(args, lambda text, urn: None) is None


def test_the_policies_are_few_and_refuse_by_default() -> None:
    policies = pack.default().policies()
    assert [policy.enforcement_level for policy in policies] == [
        EnforcementLevel.MANDATORY,
        EnforcementLevel.MANDATORY,
        EnforcementLevel.ADVISORY,
    ]
    for policy in policies:
        assert policy.severity
        assert policy.url
        assert policy.display_name


def test_the_engine_finds_the_pack_and_its_python() -> None:
    project = yaml.safe_load((Path(pack.__file__).parent / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "../.venv"}}


def test_a_hardened_pod_leaves_nothing_to_report() -> None:
    assert not any(messages(MEDIA, (TYPE, hardened() | IN_MEDIA)).values())
