"""What is wrong with a policy file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PolicyError(Exception):
    """A policy that Tailscale wouldn't take. `problems` are sentences, one each, with place, value and way out."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A hint at what was meant, to go on a sentence; else what there is."""
    known = sorted(known)
    near = difflib.get_close_matches(given, known, 1, 0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; there are {', '.join(known)}" if known else "; there are none"
