"""How the page spells names and figures, and what components say of themselves in the source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from home.fit.weighing import size

ROOT: Final = Path(__file__).resolve().parent.parent

_SPELT: Final = {"api": "API", "argocd": "Argo CD", "gpu": "GPU", "ollama": "Ollama"}


@dataclass(frozen=True)
class Description:
    """A component in its own words: what it is, and what it creates."""

    what: str = ""
    creates: str = ""


def title(name: str) -> str:
    """`fileBrowser` is `File browser`, `machineLearning` is `Machine learning`, `gpu` is `GPU`."""
    if name in _SPELT:
        return _SPELT[name]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-_]+", " ", name).lower()
    return words[:1].upper() + words[1:]


def key(name: str) -> str:
    """The same for `fileBrowser`, `file-browser` and `FileBrowser`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def cpu(thousandths: int) -> str:
    """CPU as `home fit` says it: `30m`, `1.84`, `12`."""
    return f"{thousandths}m" if 0 < abs(thousandths) < 1000 else f"{thousandths / 1000:g}"


def memory(count: int, *, up: bool = True) -> str:
    """Bytes as `home fit` says them: `6.3Gi`. What is there or free is rounded down, all else up."""
    return size(count, up)


def disk(count: int, *, up: bool = True) -> str:
    """Bytes of a disk in whole GiB, from 2 TiB on in tenths of a TiB."""
    if abs(count) >= 2**41:
        tenths = -(-count * 10 // 2**40) if up else count * 10 // 2**40
        return f"{tenths / 10:g}Ti"
    return f"{-(-count // 2**30) if up else count // 2**30}Gi"


def kind(count: int, name: str) -> str:
    """`1 Secret`, `2 StorageClasses`, `9 NetworkPolicies`."""
    if count == 1:
        return f"1 {name}"
    if name.endswith("y"):
        return f"{count} {name[:-1]}ies"
    return f"{count} {name}{'es' if name.endswith('s') else 's'}"


@cache
def description(component: str) -> Description:
    """What the class of this name in `components/` says in its docstring; empty where there is no such class."""
    for path in sorted((ROOT / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name == component:
                paragraphs = [" ".join(one.split()) for one in (ast.get_docstring(node) or "").split("\n\n")]
                return Description(paragraphs[0], " ".join(paragraphs[1:]))
    return Description()
