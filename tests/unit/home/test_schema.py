"""The schema that editors use says what loading says, as far as single values go."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from home import places, schema
from tests.homes import GOOD, ROOT, wrong_homes

VALIDATOR = jsonschema.Draft7Validator(schema.stack_file())
# Wrong in a way that a schema can tell.
BY_FORM = (
    "unknown-top-level-key",
    "unknown-app",
    "unknown-key-in-an-app",
    "key-in-another-dress",
    "password-misspelt",
    "password-in-clear",
    "home-key-encrypted",
    "kubeconfig-missing",
    "kubeconfig-empty",
    "nodes-missing",
    "nodes-empty",
    "nodes-as-mapping",
    "node-as-text",
    "node-without-a-role",
    "node-with-a-bad-name",
    "unknown-role",
    "bad-architecture",
    "unknown-state",
    "memory-in-gb",
    "memory-without-a-unit",
    "memory-not-a-quantity",
    "no-cpus",
    "half-a-cpu",
    "cpus-as-truth-value",
    "version-of-ubuntu",
    "domain-as-url",
    "tailnet-of-another-kind",
    "label-as-truth-value",
    "taint-without-effect",
    "unknown-door",
    "doors-as-text",
    "role-of-an-app-misspelt",
    "person-with-an-unknown-role",
    "people-as-text",
    "email-that-is-none",
    "hostname-with-the-domain",
    "sign-in-as-text",
    "public-database",
    "database-of-an-app-with-a-door",
    "api-token-in-clear",
    "app-without-value",
    "owner-by-name",
    "owner-negative",
    "share-over-afp",
    "one-replica",
    "time-slicing-without-replicas",
    "replicas-with-exclusive",
)


def test_the_checked_in_schema_is_fresh() -> None:
    assert schema.FILE.read_text() == schema.text(), "run: python -m home schema > home/schema.json"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema.stack_file())


@pytest.mark.parametrize("name", GOOD)
def test_a_good_home_is_valid(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(GOOD[name].read_text()))


@pytest.mark.parametrize("name", BY_FORM)
def test_an_editor_underlines_what_it_can_tell(name: str) -> None:
    wrong = {wrong.name: wrong for wrong in wrong_homes()}[name]
    assert not VALIDATOR.is_valid(yaml.safe_load(wrong.text))


def test_every_key_is_explained() -> None:
    silent = [path for path, here in _described(schema.stack_file()) if "description" not in here]
    assert silent == []


def test_the_home_of_this_checkout_names_its_schema() -> None:
    first = GOOD["homelab"].read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((ROOT / named).read_text())["title"] == "A HomeBrain home"


def _described(whole: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every key of every record, and what the schema says of it."""
    config = whole["properties"]["config"]
    return [
        (f"{record.get('title', 'config')}.{key}", places.schema_at({**whole, **record}, [key]))
        for record in (config, *whole["$defs"].values())
        for key in record.get("properties", ())
    ]
