"""Turns what a preview printed into the text of a comment on a pull request.

    python3 .ci/preview_comment.py FILE --commit SHA --run URL

FILE comes from a run of the pull request's own code: whatever stands in it is shown as text and can do nothing else. It
may also be missing, when the run ended before there was a preview. Python's own library only: it runs where nothing is
installed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import unicodedata
from pathlib import Path

MARK = "<!-- homebrain: preview -->"
"""The first line of the comment: the next run finds it by this, and writes over it."""

MOST_BYTES = 50_000
"""Of the preview. A comment takes 65,536 characters, an environment variable 131,072 bytes."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def comment(preview: bytes | None, commit: str, run: str) -> str:
    """The comment's Markdown. preview: what `make preview` printed, None when it never came to that."""
    log = f"[The whole run]({run})"
    text = readable(preview or b"")
    if not text:
        return f"{MARK}\n### Preview on the twin\n\nThere is no preview of {commit}: {log} says why.\n"
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return (
        f"{MARK}\n### Preview on the twin\n\n"
        f"What merging {commit} would change in a home that runs `main`, tried on a simulated one. {log}.\n\n"
        f"{fence}text\n{shortened(text)}\n{fence}\n"
    )


def readable(preview: bytes) -> str:
    """The preview as plain lines: no colours, and no characters that would show other than they are."""
    text = _ANSI.sub("", preview.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\t", "    ")
    kept = (one for one in text if one == "\n" or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    lines = "".join(kept).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def shortened(text: str, most: int = MOST_BYTES) -> str:
    """`text` with its middle left out where it is longer than `most` bytes: the changes begin it, their sum ends it."""
    data = text.encode()
    if len(data) <= most:
        return text
    begin = data[: most * 2 // 3].decode(errors="ignore").rpartition("\n")[0]
    end = data[-most // 3 :].decode(errors="ignore").partition("\n")[2]
    left_out = _lines(text) - _lines(begin) - _lines(end)
    return f"{begin}\n\n... {left_out} lines left out ...\n\n{end}"


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def content(path: Path) -> bytes | None:
    """What the file holds; None when there is none. Where it should be a link is not followed."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read()
    except OSError as problem:
        print(f"No preview: {problem}", file=sys.stderr)
        return None


def main() -> None:
    """Print the comment."""
    parser = argparse.ArgumentParser(description="Turn what a preview printed into the text of a comment.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--commit", required=True, help="the commit that was previewed")
    parser.add_argument("--run", required=True, help="the address of the run that made it")
    arguments = parser.parse_args()
    print(comment(content(arguments.file), arguments.commit, arguments.run), end="")


if __name__ == "__main__":
    main()
