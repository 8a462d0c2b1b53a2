"""Cases of every rule of the home's own: programs that keep it, that break it, and of which it can't tell yet.

A case is a whole program, and breaks no rule but its own. Those of the Pod Security Standards stand in
`tests/policies/test_pod_security.py`, since they are about bare pods.
"""

from __future__ import annotations

from tests.policies.cases import doors, machines, pods, resources
from tests.policies.cases.case import Case

CASES: tuple[Case, ...] = (*pods.CASES, *resources.CASES, *machines.CASES, *doors.CASES)

ALWAYS_KNOWN = {
    "no-ingress": "its kind alone breaks it",
    "well-formed": "what isn't known yet has no kind: whatever reads it is undecided",
    "exception-expired": "exceptions are data of the pack's own",
    "exception-unused": "exceptions are data of the pack's own",
}
"""Rules that are never undecided, and why."""
