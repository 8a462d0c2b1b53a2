"""What an installed Pulumi SDK says of a resource type, read from its source.

The source is parsed, not imported: importing the larger SDKs costs seconds, and a plugin is started for every run.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Property:
    """One input of a resource: its wire name, whether it is required, and its shape."""

    name: str
    required: bool
    shape: str
    """`string`, `integer`, `number`, `boolean`, `list`, `map` or `other` (nested types, unions)."""


@dataclass(frozen=True)
class ResourceType:
    """A resource type as its SDK declares it. Names are the wire's camelCase."""

    token: str
    inputs: dict[str, Property]
    outputs: frozenset[str]
    secret_outputs: frozenset[str]


def version(package: str) -> str:
    """Version of the installed SDK of a Pulumi package, such as `4.21.4` for `random`."""
    return importlib.metadata.version(f"pulumi_{package}")


@cache
def resource_type(token: str) -> ResourceType | None:
    """What the SDK says of a type token such as `random:index/randomPet:RandomPet`; None if it has no such type."""
    package, path, class_name = token.split(":")
    *folders, module = path.removeprefix("index/").split("/")
    spec = importlib.util.find_spec(f"pulumi_{package}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the SDK pulumi_{package} is not installed")
    source = Path(spec.origin).parent.joinpath(*folders, _snake(module) + ".py")
    if not source.is_file():
        return None
    classes = {node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef)}
    resource, arguments = classes.get(class_name), classes.get(f"{class_name}Args")
    if resource is None or arguments is None:
        return None
    names = _wire_names(resource) | _wire_names(arguments)
    signature = _method(arguments, "__init__").args
    inputs = {
        names[argument.arg]: Property(names[argument.arg], default is None, _shape(argument.annotation))
        for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    }
    return ResourceType(token, inputs, frozenset(_wire_names(resource).values()), _secret_outputs(resource))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef:
    # The last one of that name: the ones before it are typing overloads.
    return [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == name][-1]


def _wire_names(node: ast.ClassDef) -> dict[str, str]:
    """Python name → wire name of every `@pulumi.getter` of a class."""
    names: dict[str, str] = {}
    for item in node.body:
        if not isinstance(item, ast.FunctionDef):
            continue
        for decorator in item.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            getter = call.func if call else decorator
            if not (isinstance(getter, ast.Attribute) and getter.attr == "getter"):
                continue
            renamed = {keyword.arg: keyword.value for keyword in call.keywords} if call else {}
            wire = renamed.get("name")
            names[item.name] = str(wire.value) if isinstance(wire, ast.Constant) else item.name
    return names


def _secret_outputs(node: ast.ClassDef) -> frozenset[str]:
    for item in ast.walk(node):
        if (
            isinstance(item, ast.keyword)
            and item.arg == "additional_secret_outputs"
            and isinstance(item.value, ast.List)
        ):
            return frozenset(str(name.value) for name in item.value.elts if isinstance(name, ast.Constant))
    return frozenset()


def _shape(annotation: ast.expr | None) -> str:
    """Shape of `pulumi.Input[Optional[_builtins.int]]` and the like."""
    text = "" if annotation is None else ast.unparse(annotation)
    text = text.removeprefix("pulumi.Input[").removeprefix("Optional[")
    shapes = {
        "_builtins.str": "string",
        "_builtins.int": "integer",
        "_builtins.float": "number",
        "_builtins.bool": "boolean",
        "Sequence[": "list",
        "Mapping[": "map",
    }
    return next((shape for prefix, shape in shapes.items() if text.startswith(prefix)), "other")
