"""What a rule has to say about one field, and how it says it without telling a secret.

The policy SDK takes secrets out of their wrappers, so any text or number among a resource's properties may be one.
Messages therefore show a value only if it belongs to a vocabulary that the rule itself knows (true, `Unconfined`,
`latest` …); every other value is described by its kind, and the path leads the reader to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from policies.field import Field


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that breaks a rule, or one that isn't known and so leaves the rule undecided.

    path, found, allowed: phrases for a sentence; `fix` is what to do, in the imperative.
    undecided: `path` isn't known yet, and the rule depends on it.
    """

    path: str
    found: str
    allowed: str
    fix: str
    undecided: bool = False

    @property
    def sentence(self) -> str:
        """All of it as one sentence, without its resource."""
        path = self.path or "all of it"
        if self.undecided:
            return f"{path} is not known yet, so this is decided at `pulumi up`."
        return f"{path} is {self.found}, allowed is {self.allowed}: {self.fix}."

    @classmethod
    def unknown(cls, cause: Field) -> Fault:
        """The fault of depending on `cause`, which isn't known. Two of the same cause are equal."""
        return cls(cause.path, "unknown", "", "", undecided=True)


def kind(value: object) -> str:
    """What kind of value it is, in the words of JSON."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def shown(value: object, vocabulary: Collection[str] = ()) -> str:
    """The value itself where it can't be a secret, else what kind of value it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value in vocabulary:
        return f"`{value}`"
    return kind(value) if value is None else f"{kind(value)} that isn't shown here"


def must(
    field: Field,
    hold: Callable[[object], bool],
    *,
    allowed: str,
    fix: str,
    found: str | None = None,
    vocabulary: Collection[str] = (),
) -> Iterator[Fault]:
    """Nothing when `hold` says that the value is allowed, one fault when it isn't or can't be known.

    found: said of the value instead of showing it.
    vocabulary: values that may be shown.
    """
    if field.unknown:
        yield Fault.unknown(field)
    elif not hold(field.value):
        yield Fault(field.path, found or shown(field.value, vocabulary), allowed, fix)
