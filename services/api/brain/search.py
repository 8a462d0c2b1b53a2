"""One search over everything that can be searched: each source's own, side by side.

A call whose name ends in `.search` and whose arguments have `text`, `page` and `size` takes part; so a service that is
added later does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, Final

from pydantic import ValidationError

from brain.adapters.adapter import Adapter, Call, Role
from brain.found import Found, Hit, Source
from brain.upstream import UpstreamError

log = logging.getLogger(__name__)

PLACES: Final[Mapping[str, str]] = {"immich": "photos/{id}", "jellyfin": "web/#/details?id={id}"}
"""Where a service shows a thing, below the address at which people open it."""
BEYOND: Final = 1.0
"""Seconds that are waited beyond the deadline, so that a source that keeps to it can say itself why it has nothing."""
_TAKES: Final = frozenset({"text", "page", "size"})


def searches(adapters: Sequence[Adapter], role: Role) -> Iterator[tuple[Adapter, Call]]:
    """What is searched for somebody of this role."""
    for adapter in adapters:
        for call in adapter.calls.values():
            if call.name.endswith(".search") and role in call.roles and call.arguments.model_fields.keys() >= _TAKES:
                yield adapter, call


async def search(
    adapters: Sequence[Adapter],
    role: Role,
    text: str,
    *,
    page: int,
    size: int,
    deadline: float,
    links: Mapping[str, str],
) -> Found:
    """A page of what all sources find; `size` of each. One that is late, or fails, is named with why."""
    asked = list(searches(adapters, role))
    answers = await asyncio.gather(*(_one(adapter, call, text, page, size, deadline, links) for adapter, call in asked))
    # The best of each, then the second best of each: their own ranks can't be compared.
    hits = (hit for hit in chain.from_iterable(zip_longest(*(hits for _, hits, _ in answers))) if hit is not None)
    return Found(
        query=text,
        page=page,
        hits=tuple(hits),
        sources=tuple(source for source, _, _ in answers),
        has_more=any(more for _, _, more in answers),
    )


async def _one(
    adapter: Adapter, call: Call, text: str, page: int, size: int, deadline: float, links: Mapping[str, str]
) -> tuple[Source, list[Hit], bool]:
    try:
        async with asyncio.timeout(deadline + BEYOND):
            found = await call.run(call.arguments.model_validate({"text": text, "page": page, "size": size}))
        told = found.model_dump(mode="json")
        hits = [_hit(adapter, one, links.get(adapter.name, "")) for one in told.get("items", ())]
    except UpstreamError as error:
        why = error.words
    except TimeoutError:
        why = f"{adapter.title} gave no answer in time."
    except ValidationError:
        why = f"{adapter.title} can't be searched for this."
    except Exception:
        # One source that breaks takes no other with it.
        log.exception("a search failed", extra={"fields": {"service": adapter.name}})
        why = "An error of this program."
    else:
        total = told.get("total")
        source = Source(title=adapter.title, total=total if isinstance(total, int) else None)
        return source, hits, told.get("next_page") is not None
    return Source(title=adapter.title, unknown=why), [], False


def _hit(adapter: Adapter, item: Mapping[str, Any], link: str) -> Hit:
    place = PLACES.get(adapter.name)
    where = ", ".join(str(item[name]) for name in ("city", "country") if item.get(name))
    people = ", ".join(item.get("people") or ())
    return Hit(
        title=str(item.get("title") or item.get("file") or item.get("name") or item.get("id") or ""),
        kind=str(item.get("kind") or ""),
        source=adapter.title,
        when=str(item.get("taken") or item.get("year") or "")[:10],
        more=" · ".join(part for part in (where, people, str(item.get("series") or "")) if part),
        link=f"{link.rstrip('/')}/{place.format(id=item['id'])}" if link and place and item.get("id") else "",
    )
