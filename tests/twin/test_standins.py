"""The stand-ins through the real engine, asked by the SDK's own classes."""

from __future__ import annotations

import base64
import json
import string
from pathlib import Path

import pytest

from tests.twin.tiny import Tiny
from twin.engine import EngineError

EVERY_KIND = """
    keepers = {"version": VERSION}
    password = random.RandomPassword(
        "password", length=40, special=False, min_numeric=3, min_upper=2, keepers=pulumi.Output.secret(keepers))
    text = random.RandomString("text", length=12, upper=False, numeric=False, override_special="_")
    data = random.RandomBytes("data", length=16)
    ident = random.RandomId("ident", byte_length=4, prefix="home-")
    pet = random.RandomPet("pet", length=3, separator="_", prefix="nas")
    uid = random.RandomUuid("uid")
    number = random.RandomInteger("number", min=7, max=9)
    order = random.RandomShuffle("order", inputs=["a", "b", "c"], result_count=5)
    pulumi.export("password", password.result)
    pulumi.export("text", text.result)
    pulumi.export("base64", data.base64)
    pulumi.export("hex", data.hex)
    pulumi.export("ident", ident.b64_url)
    pulumi.export("dec", ident.dec)
    pulumi.export("pet", pet.id)
    pulumi.export("uid", uid.result)
    pulumi.export("number", number.result)
    pulumi.export("order", order.results)
"""


def every_kind(version: str) -> str:
    return EVERY_KIND.replace("VERSION", repr(version))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = Tiny(tmp_path_factory.mktemp("standins"), every_kind("1"))
    tiny.engine.up()
    return tiny


def test_every_kind_of_random_resource_gives_what_was_asked_for(deployed: Tiny) -> None:
    outputs = json.loads(deployed.engine.run("stack", "output", "--json", "--show-secrets").output)
    assert len(outputs["password"]) == 40
    assert set(outputs["password"]) <= set(string.ascii_letters + string.digits)
    assert sum(letter.isdigit() for letter in outputs["password"]) >= 3
    assert sum(letter.isupper() for letter in outputs["password"]) >= 2
    assert set(outputs["text"]) <= set(string.ascii_lowercase + "_")
    assert base64.b64decode(outputs["base64"]) == bytes.fromhex(outputs["hex"])
    assert len(bytes.fromhex(outputs["hex"])) == 16
    assert outputs["ident"].startswith("home-")
    assert outputs["dec"].removeprefix("home-").isdigit()
    assert outputs["pet"].startswith("nas_")
    assert len(outputs["pet"].split("_")) == 4
    assert len(outputs["uid"]) == 36
    assert outputs["number"] in (7, 8, 9)
    assert len(outputs["order"]) == 5
    assert set(outputs["order"]) == {"a", "b", "c"}


def test_what_the_sdk_calls_secret_is_secret_without_being_told(deployed: Tiny) -> None:
    shown = json.loads(deployed.engine.run("stack", "output", "--json").output)
    assert {name for name, value in shown.items() if value == "[secret]"} == {"password", "base64", "hex"}


def test_the_record_tells_what_is_held_and_no_secret(deployed: Tiny) -> None:
    document = json.loads((deployed.engine.standins / "random.json").read_text())
    assert document["standIn"] == "random"
    password = next(entry for entry in document["entries"] if entry["urn"].endswith("::password"))
    assert password["outputs"]["result"] == "[secret]"
    assert password["inputs"]["keepers"] == "[secret]"
    assert password["inputs"]["length"] == 40


def test_a_refresh_finds_everything_unchanged(deployed: Tiny) -> None:
    run = deployed.engine.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert "warning" not in run.output


def test_a_changed_keeper_replaces_its_resource_alone_and_a_destroy_leaves_nothing(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, every_kind("1"))
    tiny.engine.up()
    before = {entry.urn: entry.id for entry in tiny.record()}
    tiny.write(every_kind("2"))
    assert tiny.engine.preview().changes == {"replace": 1, "same": 8}
    assert tiny.engine.up().changes == {"replace": 1, "same": 8}
    after = {entry.urn: entry.id for entry in tiny.record()}
    assert [urn.rpartition("::")[2] for urn in before if before[urn] != after[urn]] == ["password"]
    tiny.engine.destroy()
    assert tiny.record() == []


def test_a_misspelt_property_is_refused_by_name(tmp_path: Path) -> None:
    tiny = Tiny(
        tmp_path,
        """
        class Misspelt(pulumi.CustomResource):
            def __init__(self) -> None:
                super().__init__("random:index/randomPet:RandomPet", "pet", {"lenght": 3})

        Misspelt()
        """,
    )
    with pytest.raises(EngineError, match=r"stand-in for random refuses: .*RandomPet has no property 'lenght'; it has"):
        tiny.engine.preview()


def test_a_version_of_the_sdk_that_has_no_stand_in_is_refused(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, 'random.RandomPet("pet", opts=pulumi.ResourceOptions(version="3.0.0"))')
    with pytest.raises(EngineError, match="random"):
        tiny.engine.preview()
