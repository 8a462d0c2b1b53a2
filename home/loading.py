"""From config to home: `load`, `load_file`, and `dump` for the way back. Raises HomeError and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from home import checks, reading, secrets, yamlfile
from home.model import Home
from home.problems import HomeError, Problem
from home.wording import shown

PREFIX = "homebrain:"

KEYS: tuple[str, ...] = tuple(field.alias or name for name, field in Home.model_fields.items())
"""The config keys that make a home, without the prefix. Secrets are not among them."""

SECRETS: tuple[str, ...] = tuple(secret.key for secret in secrets.ALL)
"""The config keys that stand beside the home's own, without the prefix."""

_STRUCTURES = ("people", "networks", "nodes", "nas", "apps")


def load(config: Mapping[str, Any]) -> Home:
    """The home that a stack's config describes.

    `config` holds the values of the `homebrain:` keys without that prefix, as data or as the JSON text that
    `pulumi.Config().get` returns; None counts as left out, and secrets are passed over. Raises HomeError with every
    problem at once.
    """
    if not isinstance(config, Mapping):
        raise HomeError([Problem("", f"{shown(config)} stands where a stack's config is wanted, key by key")])
    return _home({key: value for key, value in config.items() if value is not None}, ())


def load_file(path: str | Path) -> Home:
    """The home in a stack's config file (`Pulumi.homelab.yaml`).

    Only `homebrain:` keys are read; secrets are passed over, but one that stands in clear is a problem. Raises
    HomeError like `load`, and when the file can't be read.
    """
    file = Path(path)
    stack = yamlfile.load(file)
    config = stack.get("config") if isinstance(stack, Mapping) else None
    if not isinstance(config, Mapping):
        raise HomeError([Problem(str(file), "holds no `config:`; a stack's config file has its keys below that")])
    ours = {
        key.removeprefix(PREFIX): value
        for key, value in config.items()
        if isinstance(key, str) and key.startswith(PREFIX)
    }
    wrong = {key: message for key, value in ours.items() if (message := _wrong_in_a_file(key, value))}
    return _home(
        {key: value for key, value in ours.items() if key not in wrong},
        tuple(Problem(key, message) for key, message in wrong.items()),
    )


def dump(home: Home) -> dict[str, Any]:
    """The config that describes `home`, for `load` or a stack file: plain data, defaults left out."""
    return home.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _home(config: Mapping[str, Any], before: tuple[Problem, ...]) -> Home:
    result = reading.read(Home, {key: _data(key, value) for key, value in config.items()}, beside=SECRETS)
    paths_before = [problem.path for problem in before]
    mended = (*result.mended, *paths_before)
    # What was taken out for being wrong is not missing as well.
    problems = [*before, *(problem for problem in result.problems if problem.path not in paths_before)]
    if result.record is not None:
        found = checks.problems(result.record)
        problems += [problem for problem in found if not problem.rests_on(mended)]
    if problems or result.record is None:
        raise HomeError(sorted(problems, key=_position))
    return result.record


def _data(key: str, value: Any) -> Any:
    """`value` as data. Pulumi hands structures over as JSON text; other text is left for the reader to name."""
    if key in _STRUCTURES and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _wrong_in_a_file(key: str, value: Any) -> str | None:
    """What only a file can get wrong: inside a program, Pulumi has decrypted what is encrypted."""
    encrypted = isinstance(value, Mapping) and set(value) == {"secure"}
    if key in SECRETS and not encrypted and value is not None:
        return (
            "stands in clear in the file; change it, since it may have been seen, and set the new one with "
            f"`pulumi config set --secret {PREFIX}{key}`"
        )
    if key in KEYS and encrypted:
        return f"is encrypted, but it is no secret; set it with `pulumi config set {PREFIX}{key}`, without --secret"
    return None


def _position(problem: Problem) -> int:
    """Problems come in the order of the config's keys; those of unknown keys first."""
    top = re.split(r"[.\[]", problem.path, maxsplit=1)[0]
    return KEYS.index(top) if top in KEYS else -1
