"""Every rule of the pack: the home's own, one module a subject, and those of the Pod Security Standards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policies.check import PodCheck, ResourceCheck, StackCheck
from policies.exceptions import EXPIRED, UNUSED
from policies.pod import WELL_FORMED
from policies.pod_security import CONTROLS
from policies.rule import Rule
from policies.rules import (
    budgets,
    cloudflare,
    databases,
    gpus,
    host_access,
    images,
    network_policies,
    probes,
    protection,
    rbac,
    secrets,
    service_account_tokens,
    services,
    skew,
    tailscale,
)

_OWN: Final[Mapping[str, tuple[PodCheck | ResourceCheck | StackCheck, ...]]] = {
    "Images": images.CHECKS,
    "Budgets": budgets.CHECKS,
    "Probes": probes.CHECKS,
    "Tokens": service_account_tokens.CHECKS,
    "Node": host_access.CHECKS,
    "GPUs": gpus.CHECKS,
    "Databases": databases.CHECKS,
    "Secrets": secrets.CHECKS,
    "Ways in": services.CHECKS,
    "Traffic": network_policies.CHECKS,
    "Permissions": rbac.CHECKS,
    "Data": protection.CHECKS,
    "Public door": cloudflare.CHECKS,
    "Tailnet": tailscale.CHECKS,
    "Versions": skew.CHECKS,
}
CHECKS: Final = tuple(check for checks in _OWN.values() for check in checks)
"""The home's own checks. A rule may have several."""

POD_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, PodCheck))
"""Those on pods, which hold in every namespace."""
RESOURCE_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, ResourceCheck))
"""Those on resources by themselves."""
STACK_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, StackCheck))
"""Those on the stack as a whole."""

SUBJECTS: Final[Mapping[str, tuple[Rule, ...]]] = {
    **{subject: tuple(dict.fromkeys(check.rule for check in checks)) for subject, checks in _OWN.items()},
    "Form": (WELL_FORMED,),
    "Pod Security": tuple(control.rule for control in CONTROLS),
    "Exceptions": (EXPIRED, UNUSED),
}
"""Every rule, by what it is about, in the order in which people read of them."""

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rules in SUBJECTS.values() for rule in rules}
"""Every rule by its name."""
