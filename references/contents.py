"""What stands in the files that apps read: PostgreSQL's settings, the device plugin's config."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from references import files
from references.objects import Objects, Pods, env, tag
from references.options import options
from references.place import Place, Problem, choice, shown
from references.table import App, Content
from references.values import wrong


def check(container: Place, pods: Pods, app: App, objects: Objects) -> Iterator[Problem]:
    """Every config file that a container's app reads has keys that the app knows, with values that it takes."""
    for content in app.contents:
        path = _path(content, container)
        if path is None:
            continue
        file = files.at(path, container, pods, objects)
        if not isinstance(file, files.File) or file.text is None:
            # Not a file of ours to look into; that there is none is told where it is named.
            continue
        yield from _content(file, file.text, content, tag(container))


def _path(content: Content, container: Place) -> str | None:
    if content.env is not None:
        variable = env(container).get(content.env)
        return variable.get("value").text if variable else None
    return next((one.value for one in options(container.get("args")) if one.name == content.arg), None)


def _content(file: files.File, text: str, content: Content, of_tag: str) -> Iterator[Problem]:
    base = file.holder.get("data", file.key)
    try:
        found = list(_settings(text) if content.format == "settings" else _leaves(yaml.safe_load(text)))
    except yaml.YAMLError as error:
        yield base.should("YAML", f"something else: {' '.join(str(error).split())}")
        return
    for key, value in found:
        place = Place(base.resource, f"{base.path}: {key}", value)
        row = content.keys.get(re.sub(r"\[\d+\]", "[]", key))
        if row is None:
            known = [re.sub(r"\[\]", "", one) for one in content.keys]
            yield place.problem(choice("key of this file", known, re.sub(r"\[\d+\]", "", key)), shown(value))
        elif said := wrong(row, _text(value), of_tag):
            yield place.should(said)
    keys = {re.sub(r"\[\d+\]", "[]", key) for key, _ in found}
    for key, row in content.keys.items():
        # Of a part that is left out as a whole, nothing is missed.
        part = re.split(r"[.\[]", key.rpartition(".")[0])[0]
        present = not part or any(one.startswith((f"{part}.", f"{part}[")) for one in keys)
        if row.required and present and key not in keys:
            yield base.should(f"a file with {key}, which the app needs", "one without")


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The `name = value` lines of a postgresql.conf."""
    for line in text.splitlines():
        match = re.fullmatch(r"\s*([A-Za-z_][\w.]*)\s*=?\s*('(?:[^']|'')*'|[^#'\s]+)\s*(#.*)?", line)
        if match:
            value = match[2]
            yield match[1].lower(), value[1:-1].replace("''", "'") if value.startswith("'") else value
        elif line.strip() and not line.strip().startswith("#"):
            yield line.strip(), ""


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}".removeprefix("."))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _leaves(value, f"{path}[{number}]")
    else:
        yield path, node


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
