"""Every rule of the pack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from policies import budgets, images, privileges
from policies.exceptions import EXPIRED, UNUSED
from policies.fault import Fault
from policies.pod import WELL_FORMED, Pod
from policies.pod_security import CONTROLS
from policies.rule import Rule

POD_RULES: Final[Mapping[Rule, Callable[[Pod], Iterator[Fault]]]] = {
    images.PINNED: images.pinned,
    privileges.UNPRIVILEGED: privileges.unprivileged,
    budgets.BUDGETED: budgets.budgeted,
}
"""The home's own rules on pods, which hold in every namespace."""

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule for rule in (*POD_RULES, *(control.rule for control in CONTROLS), WELL_FORMED, EXPIRED, UNUSED)
}
"""Every rule by its name."""
