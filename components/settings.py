"""The stack's configuration, as Pulumi hands it over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pulumi
from pulumi.runtime import config as stack_config

from home import HomeError
from home.secrets import Secret


@contextmanager
def mistakes_told() -> Iterator[None]:
    """Have Pulumi show what is wrong with the home as it is, without a traceback; nothing registers after that."""
    try:
        yield
    except HomeError as error:
        raise pulumi.RunError(f"this home can't be declared:\n{error}") from None


def values() -> Mapping[str, str]:
    """Every value of the stack's config in the project's own namespace, as text, by its key without the namespace.

    `pulumi.Config` answers for keys that one knows. Mistyped ones must get a say too: `home.load` names them.
    """
    prefix = f"{pulumi.get_project()}:"
    everything = stack_config.CONFIG.get()
    return {key.removeprefix(prefix): text for key, text in everything.items() if key.startswith(prefix)}


def secrets(needed: Iterable[Secret], welcome: Iterable[Secret] = ()) -> Mapping[str, pulumi.Output[str]]:
    """The secrets that the home needs, and those of the welcome ones that are set, by key. Raises `pulumi.RunError`
    that names each needed one that is missing, with what it is and how to set it."""
    config = pulumi.Config()
    needed = tuple(needed)
    missing = [secret for secret in needed if config.get(secret.key) is None]
    if missing:
        lines = [
            f"- {secret.what}: pulumi config set --secret {pulumi.get_project()}:{secret.key}" for secret in missing
        ]
        raise pulumi.RunError("\n".join(("this home needs secrets that nobody has set yet:", *lines)))
    there = (secret for secret in welcome if config.get(secret.key) is not None)
    return {secret.key: config.require_secret(secret.key) for secret in (*needed, *there)}
