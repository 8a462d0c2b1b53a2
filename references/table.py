"""The table of what apps take, `apps.yaml`: its shape, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE: Final = Path(__file__).with_name("apps.yaml")

Trust = Literal["read in the project's own repository", "seen in others' repositories", "derived", "general knowledge"]
Format = Literal["boolean", "number", "size", "networks", "time zone", "own port", "folder"]


class Entry(BaseModel):
    """Anything in the table: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Source(Entry):
    """Where facts come from, and how far to trust them."""

    where: str
    trust: Trust


class Row(Entry):
    """One fact. `source` is a key of `sources`."""

    source: str
    note: str | None = None


class Address(Entry):
    """That a value is a host, and the port that goes with it: its own default, unless the variable `variable` says."""

    port: int
    variable: str | None = None


class Agreement(Entry):
    """That a value is the same as the variable `env` of the app which the variable `through` leads to."""

    through: str
    env: str


class Value(Row):
    """What a value may be.

    values: these only. matches: a pattern for the whole of it. format: of this kind. members: a list with commas that
    has all of these; `of`: and none but these. inside: a path in this folder or the folder itself; beneath: truly below
    it. file: the path of a file that a Secret or ConfigMap holds, after "file:" where the app wants
    that. secret: the name of a Secret of the pod's namespace. needs_port: its port has to be declared.
    """

    required: bool = False
    values: tuple[str, ...] | None = None
    matches: str | None = None
    format: Format | None = None
    at_least: float | None = Field(None, alias="atLeast")
    members: tuple[str, ...] = ()
    of: tuple[str, ...] | None = None
    inside: str | None = None
    beneath: str | None = None
    file: bool = False
    secret: bool = False
    pod_field: str | None = Field(None, alias="field")
    address: Address | None = None
    agrees: Agreement | None = None
    when_tag: Mapping[str, tuple[str, ...]] = Field(default_factory=dict, alias="whenTag")
    """More members that are needed when the image's tag has this text in it."""


class Port(Row):
    """A port that the app opens. moved_by: the variable that puts it elsewhere."""

    used_for: str = Field(alias="for")
    required: bool = False
    moved_by: str | None = Field(None, alias="movedBy")


class Mounted(Row):
    """A folder of the app. A path that ends in /* stands for any folder below.

    keeps: whether what is in it must outlive its claim; None where that doesn't matter. kinds: of volumes that
    may be mounted there.
    local: never on a network share. at_least: of its size. propagation: of mounts.
    """

    access: Literal["read-write", "read-only"]
    required: bool = False
    kinds: tuple[Literal["claim", "scratch", "host", "config"], ...] = ("claim",)
    keeps: bool | None = None
    local: bool = False
    in_memory: bool | None = Field(None, alias="inMemory")
    at_least: str | None = Field(None, alias="atLeast")
    host_path: str | None = Field(None, alias="hostPath")
    propagation: str | None = None


class Probe(Row):
    """A way to ask the app how it is. at: the probes that may ask like that.

    options: those that an exec probe has, each with its value, or with the variable or argument of the container that
    has it.
    """

    http: str | None = None
    tcp: bool = False
    port: int | None = None
    exec: tuple[str, ...] = ()
    options: Mapping[str, str] = Field(default_factory=dict)
    at: tuple[Literal["startupProbe", "readinessProbe", "livenessProbe"], ...] = (
        "startupProbe",
        "readinessProbe",
        "livenessProbe",
    )


class Needs(Row):
    """That one of several variables is set."""

    any_of: tuple[str, ...] = Field(alias="anyOf")


class User(Row):
    """Who the app can run as; no uids for anybody but root."""

    uids: tuple[int, ...] = ()
    privileged: bool = False


class Memory(Row):
    """The least that the limit may be."""

    at_least: str = Field(alias="atLeast")


class Content(Entry):
    """A file that the app reads: which, in which format, and what may stand in it, key by key.

    arg or env: the argument or variable that names it. Keys of nested YAML are joined by dots, `[]` for each of a list.
    """

    arg: str | None = None
    env: str | None = None
    format: Literal["settings", "yaml"]
    keys: Mapping[str, Value]


class App(Entry):
    """What one image takes."""

    image: str
    ports: Mapping[int, Port] = Field(default_factory=dict)
    env: Mapping[str, Value] = Field(default_factory=dict)
    needs: tuple[Needs, ...] = ()
    paths: Mapping[str, Mounted] = Field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    command: tuple[str, ...] | None = None
    """What replaces the image's entry point; None where nothing should."""
    args: Mapping[str, Value] = Field(default_factory=dict)
    """By name, as in --appendonly; words without a dash by their place, as in [0]."""
    user: User | None = None
    memory: Memory | None = None
    contents: tuple[Content, ...] = ()


class Driver(Entry):
    """A CSI driver: its image, and what its volumes take."""

    image: str
    secret: Mapping[str, Value] = Field(default_factory=dict)
    attributes: Mapping[str, Value] = Field(default_factory=dict)
    options: Mapping[str, Value] = Field(default_factory=dict)
    """Mount options, those without a value among them."""
    socket_folder: Value = Field(alias="socketFolder")
    group_change: Value = Field(alias="fsGroupPolicy")


class Table(Entry):
    """All of it."""

    sources: Mapping[str, Source]
    apps: Mapping[str, App]
    drivers: Mapping[str, Driver]

    def app(self, image: str) -> App | None:
        """What an image takes, by its repository."""
        return next((one for one in self.apps.values() if one.image == image), None)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Every fact and where in the table it stands."""
        yield from _rows("apps", self.apps)
        yield from _rows("drivers", self.drivers)


def _rows(path: str, node: Any) -> Iterator[tuple[str, Row]]:
    if isinstance(node, Row):
        yield path, node
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _rows(f"{path}.{name}", getattr(node, name))
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _rows(f"{path}.{key}", value)
    elif isinstance(node, tuple):
        for number, value in enumerate(node):
            yield from _rows(f"{path}[{number}]", value)


def load(path: Path = FILE) -> Table:
    """Read the table. Raises `pydantic.ValidationError` with every mistake of its shape."""
    return Table.model_validate(yaml.safe_load(path.read_text()))
