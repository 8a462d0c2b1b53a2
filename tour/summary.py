"""The tour in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from home import fit
from home.wording import listed, number
from tour.survey import Survey
from tour.view import Tour


def summary(tour: Tour, survey: Survey, page: str) -> str:
    """What the home is, whether it fits, what was found, and where the page lies; no line end at the end."""
    rows = list(_rows(tour, survey, page))
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        [f"{tour.name}, as {tour.source} describes it", *(f"  {name:<{width}}  {said}" for name, said in rows)]
    )


def _rows(tour: Tour, survey: Survey, page: str) -> Iterator[tuple[str, str]]:
    yield "machines", ", ".join(one.name if one.in_service else f"{one.name} ({one.state})" for one in tour.machines)
    yield "rooms", ", ".join(one.name for one in tour.rooms)
    if tour.planned:
        yield "not yet", f"{', '.join(one.name for one in tour.planned)}: described, not declared"
    yield "fit", f"{tour.fit.verdict}: {tour.fit.sentence[0].lower()}{tour.fit.sentence[1:]}"
    for reason in tour.fit.reasons:
        yield "", reason
    for name, said in fit.brief(survey.fit).items():
        if name != "verdict":
            yield "", f"{name}: {said}"
    found = tour.findings
    counts = [
        number(len(found.violations), "violation"),
        f"{len(found.undecided) or 'nothing'} undecided",
        *([f"{len(found.advice)} to note"] if found.advice else []),
        f"{number(len(found.exceptions), 'exception')} in use",
    ]
    yield "policies", f"{number(found.judged, 'workload')} judged: {', '.join(counts)}"
    for one in found.violations:
        yield "", one.sentence
    yield "references", number(len(tour.problems), "problem")
    for problem in tour.problems:
        yield "", problem
    wrong = [f"{one.name} is {one.wrong}" for one in tour.versions.rows if one.wrong]
    yield "versions", f"{listed(wrong)} for the API server" if wrong else "go together"
    yield "page", page
