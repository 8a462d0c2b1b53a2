"""The OpenAPI document against the service: whatever is asked, nothing breaks, and what is answered is what it says."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.services.api.fakes import TOKEN, application

CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
APP = application(Path(tempfile.mkdtemp(prefix="homebrain-api-")), rate_burst=1_000_000)
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", APP, headers=KNOWN)
# What has no end can't be awaited; test_app.py listens to it.
ASKED = SCHEMA.exclude(path="/api/v1/events")


@pytest.fixture(scope="module", autouse=True)
def everything_was_looked_at() -> None:
    asyncio.run(APP.state.brain.watch.reports())


@ASKED.parametrize()
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_is_answered_as_documented(case: schemathesis.Case) -> None:
    case.call_and_validate(headers=KNOWN, checks=CHECKS)


@ASKED.parametrize()
@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_stranger_asks_is_refused_as_documented(case: schemathesis.Case) -> None:
    answered = case.call(headers={})
    # 405 is for methods that schemathesis makes up.
    assert answered.status_code in ({200, 405} if case.operation.path in ("/healthz", "/readyz") else {401, 429})


def test_every_path_is_described() -> None:
    document = APP.openapi()
    assert len(document["paths"]) > 10
    for path, methods in document["paths"].items():
        assert list(methods) == ["get"], path
        assert methods["get"]["description"].endswith("."), path
        assert methods["get"].get("tags"), path


def test_the_document_names_who_may_ask() -> None:
    document = APP.openapi()
    paths = {path: one["get"]["responses"] for path, one in document["paths"].items() if path.startswith("/api/")}
    assert paths
    assert [path for path, responses in paths.items() if not {"401", "403", "429"} <= set(responses)] == []


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_nothing_is_served_that_would_load_from_elsewhere(path: str) -> None:
    assert path not in {getattr(route, "path", "") for route in APP.routes}
