"""What is wrong with a home's description, and the error that carries all of it. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, and a sentence with what was found, what is allowed and the way out.

    `path` is what `pulumi config set --path homebrain:<path>` takes, `nodes[0].gpu.sharing.replicas`; empty for the
    config as a whole.
    `because` names the other values that the sentence rests on; when one of those is itself wrong, the problem is
    held back until that is mended.
    """

    path: str
    message: str
    because: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def rests_on(self, places: Iterable[str]) -> bool:
        """Whether the problem, or a value it rests on, lies at or below one of `places`."""
        return any(
            path == place or path.startswith((f"{place}.", f"{place}["))
            for place in places
            for path in (self.path, *self.because)
        )


class HomeError(ValueError):
    """A home that cannot be loaded. `problems` holds every mistake found; `str()` gives one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
