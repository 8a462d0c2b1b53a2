"""Rendered homes as plain objects, and how to change one field of them by the names that a person would use."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from render import evaluate, stack
from render.program import Secret

ROOT = Path(__file__).parents[3]
REMOVED = object()

Object = dict[str, Any]
Steps = list[str | int]


@cache
def _homelab() -> list[Object]:
    config = stack.read(ROOT / "Pulumi.homelab.yaml")
    return objects(config.values, config.secrets)


def homelab() -> list[Object]:
    """The owner's home, as a copy to change."""
    return copy.deepcopy(_homelab())


def edited(resource: str, way: Steps, to: Any) -> list[Object]:
    """The owner's home with one field of one object changed; all others are shared, and not to be touched."""
    everything = list(_homelab())
    position = everything.index(named(everything, resource))
    everything[position] = copy.deepcopy(everything[position])
    change(everything[position], way, to)
    return everything


def objects(values: Mapping[str, Any], secrets: Mapping[str, str]) -> list[Object]:
    """What a config renders, secrets replaced by a word; the keys of a hidden Secret stay."""
    rendered: list[Object] = _plain(evaluate(values, secrets).objects)
    return rendered


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return _plain(dict.fromkeys(value.value, "hidden")) if isinstance(value.value, Mapping) else "hidden"
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def label(one: Object) -> str:
    """As in `Deployment photos/immich-server`, and as problems call it."""
    metadata = one["metadata"]
    return f"{one['kind']} " + "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def named(among: list[Object], resource: str) -> Object:
    """The object that is called like that."""
    [found] = [one for one in among if label(one) == resource]
    return found


def steps(one: Any, path: str) -> Steps:
    """The keys and indices of a path in which an element may be called by what it is.

    `spec.containers[server].env[DB_HOSTNAME].value` takes the container and the variable of these names; a mount goes
    by its path, a text by how it begins.
    """
    found: Steps = []
    for index, quoted, plain in re.findall(r'\[([^\]"]+)\]|\["([^"]+)"\]|([^.\[\]]+)', path):
        step: str | int = quoted or plain
        if index:
            step = int(index) if index.isdigit() else _position(one, index)
        found.append(step)
        one = one[step] if isinstance(step, int) else (one or {}).get(step)
    return found


def _position(elements: list[Any], name: str) -> int:
    for key in ("mountPath", "name"):
        for number, element in enumerate(elements):
            if isinstance(element, dict) and element.get(key) == name:
                return number
    [number] = [number for number, element in enumerate(elements) if str(element).startswith(name)]
    return number


def spelt(way: Steps) -> str:
    """The steps as a problem writes them."""
    text = ""
    for step in way:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
            text += f".{step}"
        else:
            text += f'["{step}"]'
    return text.removeprefix(".")


def change(one: Any, way: Steps, to: Any) -> None:
    """Set, compute (`to` a function of what was there) or remove what is at the end of the way."""
    *before, last = way
    for step in before:
        one = one[step]
    if to is REMOVED:
        del one[last]
    elif isinstance(to, Callable):  # type: ignore[arg-type]
        one[last] = to(one[last])
    else:
        one[last] = to


def texts(node: Any, way: Steps | None = None) -> Iterator[tuple[Steps, str]]:
    """Every text in an object, and the way to it."""
    way = way or []
    if isinstance(node, str):
        yield way, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, [*way, key])
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from texts(value, [*way, number])
