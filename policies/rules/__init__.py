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

CHECKS: Final[tuple[PodCheck | ResourceCheck | StackCheck, ...]] = (
    *images.CHECKS,
    *budgets.CHECKS,
    *probes.CHECKS,
    *service_account_tokens.CHECKS,
    *host_access.CHECKS,
    *gpus.CHECKS,
    *databases.CHECKS,
    *secrets.CHECKS,
    *services.CHECKS,
    *network_policies.CHECKS,
    *rbac.CHECKS,
    *protection.CHECKS,
    *cloudflare.CHECKS,
    *tailscale.CHECKS,
    *skew.CHECKS,
)
"""The home's own checks. A rule may have several."""

POD_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, PodCheck))
"""Those on pods, which hold in every namespace."""
RESOURCE_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, ResourceCheck))
"""Those on resources by themselves."""
STACK_CHECKS: Final = tuple(check for check in CHECKS if isinstance(check, StackCheck))
"""Those on the stack as a whole."""

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        *(check.rule for check in CHECKS),
        *(control.rule for control in CONTROLS),
        WELL_FORMED,
        EXPIRED,
        UNUSED,
    )
}
"""Every rule by its name."""
