"""One call to another service: whatever that does costs a bounded time and memory, and is told in words.

    errors.py       what can go wrong, each with a sentence
    upstream.py     the call: deadline, limits, retries
    connections.py  over which it is made, and which certificates are good
    breaker.py      leaving alone what doesn't answer
    dates.py        what answers say of the time
    freshness.py    one question at a time, and the last answer meanwhile, with its age

Imports httpx and pydantic, and nothing of ours.
"""

from brain.upstream.breaker import Breaker
from brain.upstream.connections import connect
from brain.upstream.dates import hearing
from brain.upstream.errors import Kind, UpstreamError
from brain.upstream.freshness import Aged, Fresh
from brain.upstream.upstream import Upstream

__all__ = ["Aged", "Breaker", "Fresh", "Kind", "Upstream", "UpstreamError", "connect", "hearing"]
