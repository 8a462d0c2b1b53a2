"""The imports: the file that `pulumi import` takes, and what of an imported object the state is to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adoption.engine import State
from adoption.preflight import Found
from adoption.program import Program
from render import Registration
from render.program import SIGNATURE


def import_file(program: Program, found: Iterable[Found], state: State) -> dict[str, Any]:
    """The document for `pulumi import --file`: these objects, at the URNs that the program gives them.

    Components around them that the state lacks come along. The providers have to be in the state already.
    """
    table: dict[str, str] = {}
    names: dict[str, str] = {}
    resources: list[dict[str, Any]] = []

    def known(registration: Registration, prefix: str) -> str:
        """The name by which an entry refers to what is in the state."""
        urn = program.urn(registration)
        names.setdefault(urn, f"{prefix}-{len(names) + 1}")
        table[names[urn]] = urn
        return names[urn]

    def component(registration: Registration) -> str:
        urn = program.urn(registration)
        if urn in names:
            return names[urn]
        if urn in state.urns:
            return known(registration, "component")
        entry = {"type": registration.type, "name": "", "logicalName": registration.name, "component": True}
        if above := program.ancestors(registration):
            entry["parent"] = component(above[-1])
        names[urn] = entry["name"] = f"component-{len(names) + 1}"
        resources.append(entry)
        return names[urn]

    for one in found:
        registration = one.declared.registration
        entry = {
            "type": registration.type,
            "name": f"object-{len(resources) + 1}",
            "logicalName": registration.name,
            "id": one.declared.key.id,
            "provider": known(program.provider(registration), "provider"),
        }
        if above := program.ancestors(registration):
            entry["parent"] = component(above[-1])
        resources.append(entry)
    return {"nameTable": table, "resources": resources}


def narrowed(deployment: dict[str, Any], found: Iterable[Found]) -> dict[str, Any]:
    """The exported state with these imported objects' inputs cut down to the fields that the program declares.

    An import takes every field for an input, those too that Kubernetes fills in. The next `up` would find them gone
    from the program: a claim's volume and a Service's address can't be taken back, so it would delete both and make
    them anew.
    """
    manifests = {one.declared.urn: one.declared.manifest for one in found}
    for resource in deployment["deployment"]["resources"]:
        manifest = manifests.get(resource["urn"])
        if manifest is None:
            continue
        if "stringData" in manifest:
            # The cluster only ever has `data`; its values are encrypted here and stay as they are.
            manifest = {**manifest, "data": None}
        resource["inputs"] = _within(resource["inputs"], manifest)
        if "__inputs" in resource.get("outputs", {}):
            resource["outputs"]["__inputs"] = _within(resource["outputs"]["__inputs"], manifest)
    return deployment


def _within(value: Any, declared: Any) -> Any:
    """Of a value, what is declared; lists of another length whole, since items can't be told apart for sure."""
    if isinstance(value, Mapping) and isinstance(declared, Mapping) and SIGNATURE not in value:
        return {key: _within(value[key], declared[key]) for key in value if key in declared}
    if isinstance(value, list) and isinstance(declared, list) and len(value) == len(declared):
        return [_within(one, other) for one, other in zip(value, declared, strict=True)]
    return value
