"""What a policy file doesn't say of a tailnet: who has which role, and which addresses machines have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Context:
    """roles: of each login, as in {"ada@example.com": ("admin", "owner")}; everybody is a member without being told so.

    addresses: of each tag or login, the addresses that its machines have: {"tag:nas": ("100.77.209.53",)}. A rule for
    an address then covers the machine, and a question about a machine is answered for its addresses as well.
    """

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NOBODY = Context()
"""Of whom nothing is known."""
