"""`make bench`: what things cost beside doing the same without them, as ratios in one run. Nothing asserts a figure.

python -m tests.bench [home] [policies] [api] [api-memory] [tests]

BENCH_MINUTES is how long the memory of the API is watched.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from tests.bench import api, home, policies
from tests.bench.timing import quietly, seconds

RUNS = 3


def _fast_tests() -> Iterator[tuple[str, float]]:
    command = [sys.executable, "-m", "pytest", "-m", "not engine", "-n", "auto", "--dist", "loadfile"]
    yield "fast tests, once", seconds(lambda: quietly(command))


SECTIONS = {
    "home": (home.measurements, home.BESIDE, RUNS),
    "policies": (policies.measurements, policies.BESIDE, RUNS),
    "api": (api.measurements, api.BESIDE, RUNS),
    "api-memory": (api.memory, api.MEMORY_BESIDE, 1),
    "tests": (_fast_tests, {}, 1),
}
"""By name: what measures it, what each figure is set beside, how often."""


def main(names: list[str]) -> int:
    """Measure each section several times over, and print a table of it."""
    console = Console()
    if unknown := set(names) - SECTIONS.keys():
        console.print(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
        return 2
    for section in names or SECTIONS:
        measure, beside, runs = SECTIONS[section]
        taken: dict[str, list[float]] = {}
        for run in range(1, runs + 1):
            console.print(f"{section}, run {run} of {runs}", style="dim")
            for name, value in measure():
                console.print(f"  {name}: {value:.3g}", style="dim")
                taken.setdefault(name, []).append(value)
        console.print(_table(f"{section}: median of {runs} on {os.cpu_count()} cores", taken, beside))
    return 0


def _table(title: str, taken: Mapping[str, list[float]], beside: Mapping[str, tuple[str, ...]]) -> Table:
    median = {name: statistics.median(values) for name, values in taken.items()}
    table = Table(title=title)
    table.add_column("what")
    table.add_column("seconds, unless said", justify="right")
    table.add_column("beside")
    table.add_column("ratio", justify="right")
    for name, value in median.items():
        first, *others = [(other, f"{value / median[other]:.2f}") for other in beside.get(name, ())] or [("", "")]
        table.add_row(name, f"{value:.3g}", *first)
        for other in others:
            table.add_row("", "", *other)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
