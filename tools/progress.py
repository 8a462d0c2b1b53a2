"""How a long step is shown, run, logged and, where it fails, explained."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tools.toolchain import BootstrapError

QUIET_SECONDS = 30.0
"""How often a step says that it is still at work where a line can't be rewritten."""

_ASCII = str.maketrans({"✓": "+", "✗": "x", "…": "...", "·": "-", "≥": ">=", "–": "-"})  # noqa: RUF001

_AGAIN = "then run it again, it goes on from here."
_NETWORK = f"The network could not be reached: check it, and HTTPS_PROXY and GOPROXY; {_AGAIN}"
_MEMORY = "Memory ran out: close programs, or run it with GOMAXPROCS=1."
_CHANGED = "The pins in tools/ were changed and do not fit together: git status tools"
_FORGED = "A module is not what go.sum says. Do not go on: get tools/ back to what git holds, and report it."
_COMPILER = "The C compiler is not set up: run it with CGO_ENABLED=0, these tools do without."
_TRUST = "The connection was not trusted: behind a proxy, SSL_CERT_FILE and PIP_CERT must name its certificate."

# The first sign found in a log's last lines decides, so the particular ones come first.
_ADVICE = (
    ("no space left on device", f"The disk is full: make room (the cache is {{cache}}), {_AGAIN}"),
    ("signal: killed", _MEMORY),
    ("cannot allocate memory", _MEMORY),
    ("security error", _FORGED),
    ("checksum mismatch", _FORGED),
    ("updates to go.mod needed", _CHANGED),
    ("missing go.sum entry", _CHANGED),
    ("xcrun: error", _COMPILER),
    ("runtime/cgo", _COMPILER),
    ("no matching distribution", "The package index does not have this pin for this Python and machine; see the log."),
    ("certificate", _TRUST),
    ("x509:", _TRUST),
    ("dial tcp", _NETWORK),
    ("no such host", _NETWORK),
    ("timeout", _NETWORK),
    ("timed out", _NETWORK),
    ("connection", _NETWORK),
)


class StepError(BootstrapError):
    """A step's command failed; carries the end of its log."""

    def __init__(self, message: str, advice: str, log: Path, tail: Sequence[str]) -> None:
        super().__init__(message, advice)
        self.log = log
        self.tail = tuple(tail)


def duration(seconds: float) -> str:
    """Seconds for people: `0.4s`, `38s`, `2m10s`, `1h05m`; tenths only of what is not whole."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def size(count: float) -> str:
    """Bytes for people: `812 MB`, `11.2 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class Console:
    """Where steps are shown. On a terminal the running step's line is rewritten in place."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        automated = environment.get("CI", "").lower() not in ("", "0", "false") or environment.get("TERM") == "dumb"
        self.live = stream.isatty() and not automated
        self._shown = ""
        try:
            "✓✗…·≥".encode(stream.encoding or "utf-8")
            self._plain = False
        except (LookupError, UnicodeEncodeError):
            self._plain = True

    def _text(self, text: str) -> str:
        return text.translate(_ASCII).encode("ascii", "replace").decode() if self._plain else text

    def say(self, text: str = "") -> None:
        """One line that stays."""
        self.show("")
        print(self._text(text), file=self._stream, flush=True)

    def show(self, text: str) -> None:
        """The running step's line, on a terminal only; empty takes it away."""
        if not self.live or text == self._shown:
            return
        width = shutil.get_terminal_size().columns
        line = self._text(text)
        self._stream.write("\r\x1b[2K" + (line if len(line) < width else line[: width - 2]))
        self._stream.flush()
        self._shown = text


class Step:
    """One piece of work with its clock. `title` reads on after the step's number: `building cluster`."""

    def __init__(self, console: Console, title: str, place: str = "", about: str = "") -> None:
        self.title = title
        self._console = console
        self._head = f"{place} {title}".strip()
        self._about = f" ({about})" if about else ""
        self._start = self._said = time.monotonic()
        if not console.live:
            console.say(f"{self._head} …{self._about}")

    @property
    def elapsed(self) -> str:
        """Time since the step began, for people."""
        return duration(time.monotonic() - self._start)

    def tick(self, activity: str = "") -> None:
        """Says that the work goes on, and at what; cheap, meant to be called several times a second."""
        at = f" · {activity}" if activity else ""
        now = time.monotonic()
        line = f"{self._head} … {duration(int(now - self._start))}{self._about}{at}"
        if self._console.live:
            self._console.show(line)
        elif now - self._said >= QUIET_SECONDS:
            self._said = now
            self._console.say(line)

    def done(self, note: str = "") -> None:
        """Closes the step with its time."""
        self._console.say(f"{self._head} ✓ {self.elapsed}{f' · {note}' if note else ''}")


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").split("\n")
    # The line after the last newline is still being written.
    return lines[-2].strip() if len(lines) > 1 else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started, gently at first."""
    for kind, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def run(
    command: Sequence[str | Path],
    *,
    step: Step,
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None = None,
    activity: Callable[[str], str] = str,
) -> None:
    """Runs a command to its end, its output in `log`; `activity` makes of the log's last line what the step shows.

    Raises StepError with the log's end when the command fails. An exception that interrupts the wait ends the command.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log.open("ab") as output:
        output.write(f"$ {' '.join(words)}\n".encode())
        output.flush()
        process: subprocess.Popen[bytes] | None = None
        try:
            # A signal that came while the process is being made would be raised before its number is known.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    cwd=folder,
                    # A session of its own: what ends this script can then end the compilers below `go` with it.
                    start_new_session=True,
                    preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            while True:
                try:
                    code = process.wait(0.2)
                    break
                except subprocess.TimeoutExpired:
                    step.tick(activity(_last_line(log)))
        except BaseException as problem:
            if process:
                _end(process)
            elif isinstance(problem, OSError):
                message = f"{step.title} failed: {words[0]} can't be run: {problem.strerror}"
                raise StepError(message, "", log, ()) from None
            raise
    if code:
        tail = log.read_text(errors="replace").splitlines()[-20:]
        raise StepError(f"{step.title} failed after {step.elapsed} (exit code {code}).", _advice(tail, log), log, tail)


def _advice(tail: Sequence[str], log: Path) -> str:
    text = "\n".join(tail).lower()
    for sign, advice in _ADVICE:
        if sign in text:
            return advice.format(cache=log.parent.parent)
    return "The log's end above says why. Run it again once that is mended: it goes on from here."


@contextlib.contextmanager
def locked(cache: Path, console: Console, purpose: str) -> Iterator[None]:
    """Holds the cache's lock; waits for whoever has it and says who that is. However a holder ends, its lock falls."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(cache / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise BootstrapError(
            f"The cache {cache} can't be written: {problem.strerror}.",
            "Set HOMEBRAIN_CACHE to a folder of your own with room.",
        ) from None
    try:
        waiting: Step | None = None
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting = waiting or Step(console, f"waiting for another run: {_holder(descriptor)}")
                waiting.tick()
                time.sleep(0.1)
            except OSError as problem:
                raise BootstrapError(
                    f"{cache / 'lock'} can't be locked: {problem.strerror}.",
                    "Set HOMEBRAIN_CACHE to a folder on a local disk.",
                ) from None
        if waiting:
            waiting.done()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "purpose": purpose, "since": time.time()}).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        since = duration(max(0.0, time.time() - holder["since"]))
        return f"process {holder['pid']} has been {holder['purpose']} for {since}"
    except (ValueError, KeyError, TypeError):
        return "it has only just begun"
