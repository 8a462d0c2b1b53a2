"""docs/standins.md names what there is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

from twin import standins
from twin.standins.faults import Fault

PAGE = (Path(__file__).parents[3] / "docs" / "standins.md").read_text()


def test_the_page_names_every_service_and_every_fault() -> None:
    kinds = get_args(get_type_hints(Fault)["kind"])
    assert [name for name in (*standins.SERVICES, *kinds) if f"`{name}`" not in PAGE] == []
