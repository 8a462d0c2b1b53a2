"""SELinux: only the types made for containers, and neither a user nor a role.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_seLinuxOptions.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts

TYPES: Final[Mapping[str, Version]] = {
    "container_t": (1, 0),
    "container_init_t": (1, 0),
    "container_kvm_t": (1, 0),
    "container_engine_t": (1, 31),
}
"""The types that are allowed, each since a version."""


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    allowed = sorted(name for name, since in TYPES.items() if since <= version)
    for context in security_contexts(pod):
        options = context.get("seLinuxOptions")
        yield from must(
            options.get("type"),
            lambda value: value in (None, "", *allowed),
            allowed=f"{', '.join(f'`{name}`' for name in allowed)} or nothing",
            fix="leave the type to the runtime",
        )
        for name in ("user", "role"):
            yield from must(
                options.get(name),
                lambda value: value in (None, ""),
                allowed="nothing",
                fix=f"leave the {name} to the runtime",
            )


CONTROL = Control("se-linux-options", "SELinux", "baseline", _check)
