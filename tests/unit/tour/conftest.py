"""Homes that have been toured: each is evaluated once."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tour.page import page
from tour.survey import Survey, survey
from tour.view import Tour, view

ROOT = Path(__file__).parents[3]
HOMELAB = ROOT / "Pulumi.homelab.yaml"
TODAY = datetime.date(2026, 1, 1)


@pytest.fixture(scope="session")
def homelab_survey() -> Survey:
    return survey(HOMELAB, today=TODAY)


@pytest.fixture(scope="session")
def homelab(homelab_survey: Survey) -> Tour:
    return view(homelab_survey)


@pytest.fixture(scope="session")
def homelab_page(homelab: Tour) -> str:
    return page(homelab)
