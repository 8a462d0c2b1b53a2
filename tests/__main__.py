"""Run every test: the fast tier first, with its report, then what needs the engine and the twin.

Outside CI the second tier is left out where the toolchain can't be had, and that is said; of what only tests take, the
tests that need it leave themselves out. With CI=true nothing is left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests import real

ROOT = Path(__file__).resolve().parent.parent
FAST = "not engine"
REST = "engine"
# A twin mostly waits, for the engine and for its scheduler: three are soon done on two cores, and take 4 GiB.
TWINS_AT_ONCE = "3"


def main(extra: list[str]) -> int:
    """Run the tiers; the exit code of the first that fails, else 0."""
    results = [("fast tier", *_pytest(FAST, extra))]
    if not results[-1][1]:
        _say("The engine and the twin: building or finding the toolchain first")
        toolchain = _bootstrap("tools")
        if toolchain == 0:
            if _bootstrap("test-tools"):
                _say("The programs that judge the home's monitoring could not be had (see above)")
            absent = real.missing()
            if absent and not real.in_ci():
                _say(f"LEFT OUT: tests/real, which needs servers. For them: apt-get install {' '.join(absent)}")
                extra = [*extra, "--ignore=tests/real"]
            results.append(("engine and twin", *_pytest(REST, extra)))
        elif real.in_ci():
            results.append(("engine and twin: no toolchain", toolchain, 0.0))
        else:
            _say("LEFT OUT: every test that needs the engine or the twin; the toolchain could not be had (see above)")
    _say("Summary")
    for name, code, seconds in results:
        print(f"  {'passed' if code == 0 else 'FAILED':8} {name:32} {seconds:6.1f} s")
    return next((code for _, code, _ in results if code), 0)


def _bootstrap(what: str) -> int:
    return subprocess.run([sys.executable, ROOT / "tools" / "bootstrap.py", what], cwd=ROOT).returncode


def _pytest(marker: str, extra: list[str]) -> tuple[int, float]:
    _say("The fast tier: no engine" if marker == FAST else "The engine, the twin and other real parts")
    started = time.monotonic()
    workers = ["-n", "auto" if marker == FAST else TWINS_AT_ONCE, "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-m", marker, "--durations=5", *workers, *extra]
    done = subprocess.run(command, cwd=ROOT)
    return done.returncode, time.monotonic() - started


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
