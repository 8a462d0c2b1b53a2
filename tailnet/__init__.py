"""A tailnet's policy file, judged without Tailscale: is it well formed, do its own tests hold, may A reach B?

    import tailnet

    policy = tailnet.parse(text)                                  # raises PolicyError with every problem
    policy.failed_tests()                                         # () when all of them hold
    policy.may("ada@example.com", "tag:photos", 443).allowed      # True or False, and .why

Tailscale checks a policy only when it is saved, and its provider for Pulumi when it is applied. Stands alone: imports
Python's own library and nothing else. What it goes by is Tailscale's own reference of the file
(https://tailscale.com/docs/reference/syntax/policy-file and https://tailscale.com/docs/reference/syntax/grants).

Not judged: what a device's posture is (an answer says which one it takes), routes through `via`, what an app does with
capabilities.
"""

from __future__ import annotations

from tailnet.context import NOBODY, Context
from tailnet.hujson import read
from tailnet.policy import Answer, Policy
from tailnet.problems import PolicyError
from tailnet.reading import parse

__all__ = ["NOBODY", "Answer", "Context", "Policy", "PolicyError", "parse", "read"]
