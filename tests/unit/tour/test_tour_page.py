"""The page: well-formed, the same each time, without secrets, and nothing in it but itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from home import HomeError
from pages.markup import coded, el
from tests import homes
from tests.unit.tour.conftest import HOMELAB, ROOT, TODAY
from tests.unit.tour.outline import Outline, outline
from tour.page import page
from tour.survey import Survey, survey
from tour.view import Tour, view

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EVIL = '<script>alert("1")</script>&amp;\'"'


@pytest.fixture(scope="session", params=[HOMELAB, homes.GOOD["small"], *EXAMPLES], ids=lambda path: path.stem)
def toured(request: pytest.FixtureRequest) -> str:
    """The page of a home: the owner's, the smallest, each of the examples."""
    return page(view(survey(request.param, today=TODAY)))


@pytest.fixture(scope="session")
def taken_apart(toured: str) -> Outline:
    return outline(toured)


def test_tags_balance_and_stand_where_they_may(taken_apart: Outline) -> None:
    assert taken_apart.faults == []


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(taken_apart: Outline) -> None:
    ids = taken_apart.values("id")
    assert len(ids) == len(set(ids))
    assert [one for one in taken_apart.values("href") if one.startswith("#") and one[1:] not in ids] == []
    assert [one for one in taken_apart.values("aria-labelledby") if one not in ids] == []


def test_headings_begin_with_one_and_skip_no_level(taken_apart: Outline) -> None:
    levels = [level for level, _ in taken_apart.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [(one, two) for one, two in itertools.pairwise(levels) if two > one + 1] == []
    assert [text for _, text in taken_apart.headings if not text.strip()] == []


def test_the_page_loads_and_runs_nothing(taken_apart: Outline, toured: str) -> None:
    assert {tag for tag, _ in taken_apart.tags}.isdisjoint({"script", "img", "iframe", "link", "object", "embed"})
    assert taken_apart.values("src") == []
    assert [one for one in taken_apart.values("href") if re.match(r"[a-z]+:|//", one)] == []
    assert not re.search(r"url\(|@import|https?://", toured)
    assert [name for _, attributes in taken_apart.tags for name in attributes if name.startswith("on")] == []
    [policy] = [one["content"] for one in taken_apart.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy.startswith("default-src 'none'")


def test_links_to_documents_lead_somewhere(taken_apart: Outline) -> None:
    documents = [one for one in taken_apart.values("href") if not one.startswith("#")]
    assert [one for one in documents if not (ROOT / "build" / one).resolve().exists()] == []


def test_tables_say_what_their_cells_are(taken_apart: Outline) -> None:
    scopes = [one.get("scope") for one in taken_apart.of("th")]
    assert scopes
    assert set(scopes) <= {"col", "row", "rowgroup"}
    assert len(taken_apart.of("caption")) == len(taken_apart.of("table"))


def test_the_page_is_made_for_readers(taken_apart: Outline) -> None:
    [root] = taken_apart.of("html")
    assert root == {"lang": "en"}
    assert len(taken_apart.of("main")) == 1
    assert taken_apart.of("a")[0] == {"class": "skip", "href": "#main"}
    assert {one.get("name") for one in taken_apart.of("meta")} >= {"viewport", "color-scheme"}


def test_the_same_home_gives_the_same_bytes(homelab_page: str) -> None:
    assert page(view(survey(HOMELAB, today=TODAY))) == homelab_page


def test_every_name_of_the_home_is_on_its_page(homelab_survey: Survey, homelab_page: str) -> None:
    text = outline(homelab_page).text
    home = homelab_survey.home
    names = [
        *(one.name for one in home.nodes),
        *(one.hardware or "" for one in home.nodes),
        *(one.version for one in home.nodes),
        *(one.gpu.model for one in home.nodes if one.gpu),
        *(one.name for one in home.shares),
    ]
    assert [one for one in names if one not in text] == []


def test_no_secret_is_on_the_page(tmp_path: Path) -> None:
    kept = HOMELAB.read_text() + "\n  homebrain:nasPassword: {secure: v1:c2VjcmV0:correct-horse}\n"
    source = tmp_path / "Pulumi.homelab.yaml"
    source.write_text(kept)
    found = survey(source, today=TODAY)
    shown = page(view(found))
    for secret in ("correct-horse", "placeholder", "generated-password"):
        assert secret not in shown
        assert secret not in repr(found.objects)


def test_what_a_home_says_of_itself_is_text_and_nothing_else(tmp_path: Path) -> None:
    config = homes.config("homelab")
    config["nodes"][0]["hardware"] = EVIL
    config["nodes"][0]["gpu"]["model"] = EVIL
    config["nas"]["model"] = EVIL
    source = tmp_path / f"Pulumi.{'<b>x'}.yaml"
    source.write_text(homes.stack_file(config))
    shown = page(view(survey(source, today=TODAY)))
    taken = outline(shown)
    assert taken.faults == []
    assert taken.of("script") == []
    assert taken.of("b") == []
    # The machine, its card, the NAS, and the NAS again among the guesses.
    assert taken.text.count(EVIL) == 4


@given(text=st.text())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    for made in (el("p", {"title": text}, text), el("p", coded(text.replace("`", "'")))):
        assert len(outline(made).tags) == 1
    [(_, attributes)] = outline(el("p", {"title": text}, text)).tags
    # A parser makes one line end of all kinds.
    assert "".join((attributes["title"] or "").split()) == "".join(text.split())


def bad(homelab: Tour) -> Iterator[tuple[Tour, str]]:
    """Homes in which something is wrong, each with what the page has to say."""
    yield replace(homelab, problems=("Deployment a: leads nowhere",)), "leads nowhere"
    may_not = replace(homelab.fit, verdict="depends on order", sentence="It depends.", reasons=("no room for x",))
    yield replace(homelab, fit=may_not), "no room for x"
    yield replace(homelab, ways=(), nas=None, planned=(), assumed=()), "no door"


def test_whatever_is_wrong_is_shown(homelab: Tour) -> None:
    for tour, said in bad(homelab):
        found = outline(page(tour))
        assert found.faults == []
        assert said in found.text


def test_a_wrong_home_makes_no_page(tmp_path: Path) -> None:
    source = tmp_path / "Pulumi.wrong.yaml"
    source.write_text("config: {}\n")
    with pytest.raises(HomeError):
        survey(source)
