"""What taking an object over changes in it, field by field: plain data in, sentences out.

Two things change an object. Declaring it sets the declared fields. And before that the Kubernetes provider takes over
the fields that `kubectl` has set, and so removes those of them that the program doesn't declare: the object's own
record of who set what tells which those are. `patch` is both in one, fit for a dry run of the API server, which fills
in defaults and says what can't be; `changes` compares what it says with what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Manifest = Mapping[str, Any]
Path = tuple[str, ...]

_ABSENT: Final = object()
_WIDTH = 100

# Written by the API server and by Kubernetes' controllers, whatever is declared.
_NOT_DECLARED: Final = frozenset({
    ("status",),
    ("metadata", "creationTimestamp"),
    ("metadata", "generation"),
    ("metadata", "managedFields"),
    ("metadata", "resourceVersion"),
    ("metadata", "selfLink"),
    ("metadata", "uid"),
})  # fmt: skip

# kubectl's own note of what it applied last.
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

# Maps that have one writer, whatever is in them; a selector that grew would be another selector.
_WHOLE: Final = frozenset({"nodeSelector", "podSelector", "namespaceSelector", "labelSelector", "selector"})

# Whose fields the provider makes its own before it applies (4.25.0, await.fixCSAFieldManagers): by the beginning of the
# writer's name, and how it wrote.
_TAKEN_OVER: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)


@dataclass(frozen=True)
class Change:
    """One field that changes. `before` or `after` is as the field is printed, None where it isn't there."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.path}: {self.after}"
        if self.after is None:
            return f"- {self.path}: {self.before}"
        return f"~ {self.path}: {self.before} -> {self.after}"


def changes(live: Manifest, applied: Manifest) -> list[Change]:
    """What changes from the object `live` to the object `applied`. Values of a Secret are never in it."""
    is_secret = live.get("kind") == "Secret"
    return [_told(path, before, after, is_secret) for path, before, after in _between(_bare(live), _bare(applied), ())]


def _bare(one: Manifest) -> Manifest:
    """The object without kubectl's note; annotations that were nothing else are none."""
    metadata = one.get("metadata") or {}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _LAST_APPLIED}
    others = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**one, "metadata": others | ({"annotations": annotations} if annotations else {})}


def patch(live: Manifest, declared: Manifest) -> dict[str, Any]:
    """The strategic merge patch that makes of `live` what the provider's first update makes of it.

    `declared` is plain data, with nothing but what the program declares.
    """
    body: dict[str, Any] = _merging(declared)
    for place in _dropped(live, declared):
        _remove(body, place)
    return body


def _merging(value: Any, key: str = "") -> Any:
    """Declared data as a patch: these maps are set as a whole, where a patch would add to them."""
    if isinstance(value, Mapping):
        whole = {"$patch": "replace"} if key in _WHOLE else {}
        return {**{name: _merging(one, name) for name, one in value.items()}, **whole}
    if isinstance(value, list):
        # No map in a list that is set as a whole may carry a directive, and no other list has one of these in it.
        return [_merging(one) for one in value]
    return value


def _remove(body: Any, place: Path) -> None:
    """Add to a patch that what stands at this place goes."""
    for index, step in enumerate(place):
        kind, _, rest = step.partition(":")
        is_last = index == len(place) - 1
        if kind == "f" and isinstance(body, dict):
            if is_last:
                body[rest] = None
                return
            following = place[index + 1]
            if following.startswith("v:"):
                body.setdefault(f"$deleteFromPrimitiveList/{rest}", []).append(json.loads(following[2:]))
                return
            body = body.setdefault(rest, [] if following.startswith("k:") else {})
        elif kind == "k" and isinstance(body, list):
            keys = json.loads(rest)
            item = _item(body, keys)
            if item is None:
                body.append(item := dict(keys))
            if is_last:
                item["$patch"] = "delete"
                return
            body = item
        else:
            return


def _item(items: list[Any], keys: Mapping[str, Any]) -> Any:
    """The item with these keys. One that isn't written has its default, such as the protocol of a port."""
    maps = (one for one in items if isinstance(one, Mapping))
    return next((one for one in maps if all(one.get(key, keys[key]) == keys[key] for key in keys)), None)


def _between(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if path in _NOT_DECLARED or before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _between(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
        return
    old, new = _by_label(before), _by_label(after)
    if old is not None and new is not None:
        for label in [*old, *(label for label in new if label not in old)]:
            yield from _between(old.get(label, _ABSENT), new.get(label, _ABSENT), (*path, f"[{label}]"))
        return
    yield path, before, after


def _by_label(value: Any) -> dict[str, Any] | None:
    """The items of a list by what tells them apart, or None when nothing does."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return None
    labels = [_label(one) for one in value]
    if None in labels or len(set(labels)) != len(labels):
        return None
    return {str(label): one for label, one in zip(labels, value, strict=True)}


def _label(item: Mapping[str, Any]) -> str | None:
    for keys in (("mountPath",), ("name",), ("containerPort",), ("port",), ("ip",), ("key",)):
        if all(key in item for key in keys):
            return "/".join(str(item[key]) for key in keys)
    return None


def _dropped(live: Manifest, declared: Manifest) -> tuple[Path, ...]:
    """The places of the fields that nobody keeps once kubectl's are the provider's."""
    taken: dict[Path, None] = {}
    kept: set[Path] = set()
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        leaves = _leaves(entry.get("fieldsV1") or {}, ())
        if _is_taken_over(entry):
            taken.update(dict.fromkeys(leaves))
        else:
            kept.update(leaves)
    places: dict[Path, None] = {}
    for leaf in taken:
        if leaf in kept:
            continue
        # The highest place that the program says nothing about and nobody else writes below.
        above = (leaf[:length] for length in range(1, len(leaf) + 1))
        for place in above:
            if _at(declared, place) is _ABSENT and not any(one[: len(place)] == place for one in kept):
                if _at(live, place) is not _ABSENT:
                    places[place] = None
                break
    return tuple(places)


def _is_taken_over(entry: Manifest) -> bool:
    name, operation = str(entry.get("manager", "")), entry.get("operation")
    return not entry.get("subresource") and any(
        name.startswith(prefix) and operation == how for prefix, how in _TAKEN_OVER
    )


def _leaves(fields: Manifest, path: Path) -> Iterator[Path]:
    """The fields in the API's own record, `FieldsV1`: `f:` a key, `k:` an item by its keys, `v:` an item by value."""
    below = [key for key in fields if key != "."]
    if not below and path:
        yield path
    for key in below:
        yield from _leaves(fields[key], (*path, key))


def _at(value: Any, path: Path) -> Any:
    """What stands at such a path. Of a value that is one piece, every part is there."""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f" and isinstance(value, Mapping):
            value = value.get(rest, _ABSENT)
        elif kind == "k" and isinstance(value, list):
            found = _item(value, json.loads(rest))
            value = _ABSENT if found is None else found
        elif kind == "v" and isinstance(value, list):
            wanted = json.loads(rest)
            value = wanted if wanted in value else _ABSENT
        if value is _ABSENT:
            return _ABSENT
    return value


def _told(path: Path, before: Any, after: Any, is_secret: bool) -> Change:
    # What is neither the object's metadata nor its type is its content.
    hidden = is_secret and path[0] in ("data", "stringData")
    return Change(_dotted(path), _printed(before, hidden), _printed(after, hidden))


def _dotted(path: Sequence[str]) -> str:
    text = ""
    for step in path:
        text += step if step.startswith("[") or not text else f".{step}"
    return text


def _printed(value: Any, hidden: bool) -> str | None:
    if value is _ABSENT:
        return None
    if hidden:
        return f"(secret: {', '.join(sorted(value))})" if isinstance(value, Mapping) else "(secret)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
