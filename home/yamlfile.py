"""Reads a YAML file the way Pulumi does: no key twice, only true and false are truth values, dates stay text.

PyYAML's own loader follows YAML 1.1, where `on` is true, 2026-01-01 a date, and the last of two equal keys wins in
silence. Imports nothing of ours but the error.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from home.problems import HomeError, Problem


class _KeyTwice(yaml.MarkedYAMLError):
    """One mapping holds a key twice."""


class _Loader(yaml.SafeLoader):
    """YAML as Go's yaml.v3 reads it, as far as a config file can tell."""

    # A copy without the types of YAML 1.1 that surprise; PyYAML looks resolvers up by a value's first character.
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in forms if not tag.endswith((":timestamp", ":bool", ":int", ":float"))]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise _KeyTwice(
                    problem=f'"{key.value}" stands there twice; keep one of them', problem_mark=key.start_mark
                )
            seen.add(key.value) if isinstance(key, yaml.ScalarNode) else None
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]{0,40})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def load(path: Path) -> Any:
    """What the file holds. Raises HomeError when it can't be read or isn't YAML, with the line where it can be told."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise _error(path, "there is no such file; name the stack's config file, such as Pulumi.homelab.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _error(path, f"can't be read: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "the file"
        kind = "" if isinstance(error, _KeyTwice) else " is not YAML"
        raise _error(path, f"{line}{kind}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _error(path, f"is not YAML: {error}") from None


def _error(path: Path, message: str) -> HomeError:
    return HomeError([Problem(str(path), message)])
