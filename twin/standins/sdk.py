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
class Shape:
    """What a value looks like."""

    kind: str
    """`string`, `integer`, `number`, `boolean`, `list`, `map`, `object` or `other` (unions, anything)."""
    item: Shape | None = None
    """Of each item of a list or map."""
    fields: str = ""
    """The SDK's name for the fields of an object, for `fields`."""


@dataclass(frozen=True)
class Property:
    """One input of a resource, or one field of an object: its wire name, whether it is required, and its shape."""

    name: str
    required: bool
    shape: Shape


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
    source = _folder(package).joinpath(*folders, _snake(module) + ".py")
    if not source.is_file():
        return None
    classes = {node.name: node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef)}
    resource, arguments = classes.get(class_name), classes.get(f"{class_name}Args")
    if resource is None or arguments is None:
        return None
    inputs = _properties(arguments)
    return ResourceType(token, inputs, frozenset(_wire_names(resource).values()), _secret_outputs(resource))


@cache
def fields(package: str, name: str) -> dict[str, Property]:
    """The fields of an object that an SDK calls `name`, such as `ZeroTrustAccessPolicyIncludeArgs`, by wire name."""
    # Found in the text first: the file has a hundred thousand lines in the larger SDKs.
    text = _nested_types(package)
    start = text.find(f"\nclass {name}:\n")
    if start < 0:
        raise LookupError(f"the SDK pulumi_{package} has no type {name}")
    end = text.find("\nclass ", start + 1)
    (node,) = (node for node in ast.parse(text[start:end]).body if isinstance(node, ast.ClassDef))
    return _properties(node)


@cache
def _nested_types(package: str) -> str:
    # A decorator stands above the next class: it is cut off with it.
    return _folder(package).joinpath("_inputs.py").read_text().replace("\n@pulumi.input_type", "") + "\nclass "


@cache
def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(f"pulumi_{package}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the SDK pulumi_{package} is not installed")
    return Path(spec.origin).parent


def _properties(arguments: ast.ClassDef) -> dict[str, Property]:
    """What the constructor of an `…Args` class takes, by wire name."""
    names = _wire_names(arguments)
    signature = _method(arguments, "__init__").args
    return {
        names[argument.arg]: Property(names[argument.arg], default is None, _shape(argument.annotation))
        for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    }


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


_SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _shape(annotation: ast.expr | None) -> Shape:
    """Shape of `pulumi.Input[Optional[Sequence[pulumi.Input['…Args']]]]` and the like."""
    match annotation:
        case ast.Subscript(value=ast.Attribute(attr="Input") | ast.Name(id="Optional"), slice=inner):
            return _shape(inner)
        case ast.Subscript(value=ast.Name(id="Sequence"), slice=item):
            return Shape("list", _shape(item))
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[_, item])):
            return Shape("map", _shape(item))
        case ast.Attribute(value=ast.Name(id="_builtins"), attr=name) if name in _SCALARS:
            return Shape(_SCALARS[name])
        case ast.Constant(value=str(name)) if name.endswith("Args"):
            return Shape("object", fields=name)
        case _:
            return Shape("other")
