"""Whatever a service answers, an adapter's report is a report, and a call fails only as calls may."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brain.adapters import Adapter, Call, Kubernetes
from brain.adapters.service import Findings, Page, Paged, Service, page_of, plain, several, span
from brain.upstream import UpstreamError
from brain.verdict import Verdict
from tests.services.api.clusters import Cluster, claim, deployment, node, pod
from tests.services.api.standins import (
    NOW,
    a_jellyfin,
    a_prometheus,
    an_immich,
    asking,
    immich_adapter,
    jellyfin_adapter,
    now,
    prometheus_adapter,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("9" * 400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def a_cluster() -> ASGIApp:
    return Cluster(
        nodes=[node("one", gpus=2, model="GTX")],
        pods=[pod("a", gpus=1), pod("b", phase="Failed")],
        persistentvolumeclaims=[claim("c")],
        deployments=[deployment("d")],
    ).application


HOMES: Mapping[str, tuple[Callable[[], ASGIApp], Callable[[ASGIApp], Adapter]]] = {
    "immich 2": (lambda: an_immich("2.7.5").application, immich_adapter),
    "immich 3": (lambda: an_immich("3.2.4").application, immich_adapter),
    "jellyfin": (lambda: a_jellyfin("12.1.0").application, jellyfin_adapter),
    "prometheus": (lambda: a_prometheus().application, prometheus_adapter),
    "kubernetes": (a_cluster, lambda application: Kubernetes(asking(application), now=now)),
}


class Changed:
    """An application whose answers are changed in one place each."""

    def __init__(self, application: ASGIApp, change: Callable[[Any], Any]) -> None:
        self._application, self._change = application, change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def caught(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._application(scope, receive, caught)
        if start["status"] == 200 and body[:1] in b"[{":
            body = json.dumps(self._change(json.loads(body))).encode()
        headers = [one for one in start["headers"] if one[0] != b"content-length"]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    return [at, *(place for key in keys for place in places(document[key], (*at, key)))]


def put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with this value in that place."""
    if not place:
        return value
    changed = copy.copy(document)
    changed[place[0]] = put(document[place[0]], place[1:], value)
    return changed


@pytest.mark.parametrize("name", HOMES)
# Without shrinking: each example is some dozens of questions.
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_an_answer_that_is_wrong_in_one_place_is_told_never_raised(name: str, data: st.DataObject) -> None:
    make, adapter = HOMES[name]

    def change(document: Any) -> Any:
        place = data.draw(st.sampled_from(places(document)))
        return put(document, place, data.draw(JSON))

    async def look_and_call() -> None:
        asked = adapter(Changed(make(), change))
        report = await asked.look()
        assert report.verdict in Verdict
        assert not any("an error of this program" in one for one in report.reasons), report.reasons
        # It can be sent on, and its sentences are lines.
        json.loads(report.model_dump_json())
        assert all(one.isprintable() for one in report.reasons), report.reasons
        for call in asked.calls.values():
            await answered(call)

    asyncio.run(look_and_call())


async def answered(call: Call) -> None:
    try:
        found = await call.run(call.arguments())
    except UpstreamError:
        return
    assert isinstance(found, call.result)
    json.loads(found.model_dump_json())


class Broken(Service):
    """An adapter with a mistake in it."""

    name = "broken"
    title = "Broken"

    async def inspect(self, findings: Findings) -> None:
        findings.fact("before", 1)
        raise ValueError("what-a-body-says-that-nobody-may-see")

    @property
    def calls(self) -> Mapping[str, Call]:
        return {}


def test_a_mistake_of_ours_is_told_as_one_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report = asyncio.run(Broken(asking(a_cluster()), now=now).look())
    assert report.verdict is Verdict.UNKNOWN
    assert report.reasons == ("Looking at it failed here (ValueError): an error of this program.",)
    assert report.facts == {"before": 1}
    assert "nobody-may-see" not in report.model_dump_json() + caplog.text
    assert "looking at broken failed: ValueError" in caplog.text


@given(st.text(max_size=2000))
def test_anothers_words_become_one_line_that_isn_t_endless(text: str) -> None:
    line = plain(text)
    assert line.isprintable()
    assert len(line) <= 240
    assert plain(line) == line


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
def test_pages_are_everything_once(items: list[int], size: int) -> None:
    seen: list[int] = []
    page: int | None = 1
    while page is not None:
        found = page_of(Page[int], items, Paged(page=page, size=size), "test")
        seen += found.items
        page = found.next_page
    assert seen == items


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(hours=-3), "3 hours"),
    ],
)
def test_spans(length: timedelta, words: str) -> None:
    assert span(length) == words
    assert several(1, "pod") == "1 pod"
    assert NOW.tzinfo is not None
