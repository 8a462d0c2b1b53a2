"""The twin's stack config, derived from a home's."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from twin import stack_config

KUBECONFIG = Path("/twin/kubeconfig")
CIPHERTEXT = "v1:c2VjcmV0:"
LEADS_TO_A_CLUSTER = ("homebrain:kubeconfig", "homebrain:context", "kubernetes:kubeconfig", "kubernetes:context")

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
secret = st.just({"secure": f"{CIPHERTEXT}xyz"})
values = st.recursive(
    scalars | secret,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(names, below, max_size=4),
    max_leaves=12,
)
keys = names.map(lambda name: f"homebrain:{name}") | st.sampled_from(LEADS_TO_A_CLUSTER)
homes = st.fixed_dictionaries(
    {"config": st.dictionaries(keys, values, max_size=6)},
    optional={"encryptionsalt": st.just(f"{CIPHERTEXT}salt"), "secretsprovider": st.just(f"{CIPHERTEXT}key")},
)


def encrypted(document: dict[str, Any], missing: tuple[stack_config.Place, ...]) -> dict[str, Any]:
    """What the engine makes of a document when it has set the missing secrets."""
    document = {**copy.deepcopy(document), "encryptionsalt": "the twin's"}
    for place in missing:
        *steps, last = ("config", *place)
        holder: Any = document
        for step in steps:
            holder = holder[step]
        holder[last] = {"secure": f"the twin's, {place}"}
    return document


def without_secrets(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"secure"}:
        return "a secret"
    if isinstance(value, dict):
        return {key: without_secrets(below) for key, below in value.items()}
    if isinstance(value, list):
        return [without_secrets(below) for below in value]
    return value


@given(homes)
def test_no_secret_and_no_salt_of_the_home_gets_into_the_twin_s_config(home: dict[str, Any]) -> None:
    document = stack_config.derive(home, KUBECONFIG)
    stack_config.keep(document, {}, stack_config.secret_places(home))
    assert CIPHERTEXT not in yaml.safe_dump(document)


@given(homes)
def test_every_other_key_is_taken_over_as_it_is(home: dict[str, Any]) -> None:
    untouched = copy.deepcopy(home)
    document = stack_config.derive(home, KUBECONFIG)
    missing = stack_config.keep(document, {}, stack_config.secret_places(home))
    theirs, ours = home["config"], encrypted(document, missing)["config"]
    for key in theirs.keys() - set(LEADS_TO_A_CLUSTER):
        assert without_secrets(ours[key]) == without_secrets(theirs[key])
    assert ours.keys() - theirs.keys() <= {"homebrain:kubeconfig"}
    assert home == untouched


@given(homes)
def test_the_twin_s_cluster_is_the_only_one_it_leads_to(home: dict[str, Any]) -> None:
    config = stack_config.derive(home, KUBECONFIG)["config"]
    leading = {key: config[key] for key in LEADS_TO_A_CLUSTER if key in config}
    assert leading == {"homebrain:kubeconfig": str(KUBECONFIG)}


@given(homes)
def test_secrets_stay_the_same_from_run_to_run(home: dict[str, Any]) -> None:
    places = stack_config.secret_places(home, ["nasPassword"])
    first = stack_config.derive(home, KUBECONFIG)
    missing = stack_config.keep(first, {}, places)
    assert set(missing) == set(places)
    set_by_the_engine = encrypted(first, missing)
    second = stack_config.derive(home, KUBECONFIG)
    assert stack_config.keep(second, set_by_the_engine, places) == ()
    assert second == set_by_the_engine


def test_a_secret_that_the_home_requires_but_has_not_set_is_made_up() -> None:
    home = {"config": {"homebrain:token": {"secure": "v1:a"}}}
    places = stack_config.secret_places(home, ["nasPassword", "token"])
    assert places == (("homebrain:token",), ("homebrain:nasPassword",))


def test_a_place_is_written_as_pulumi_reads_it() -> None:
    assert stack_config.path(("homebrain:nas", "a.b", 0, 'c"d')) == 'homebrain:nas["a.b"][0]["c\\"d"]'


def test_throwaway_secrets_differ_and_say_what_they_are() -> None:
    made = {stack_config.throwaway() for _ in range(50)}
    assert len(made) == 50
    assert all(secret.startswith("twin-") for secret in made)


def test_an_empty_home_file_is_a_home_without_keys() -> None:
    assert stack_config.derive({}, KUBECONFIG) == {"config": {"homebrain:kubeconfig": str(KUBECONFIG)}}
