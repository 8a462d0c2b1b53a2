"""`python -m tailnet check FILE`, `python -m tailnet may FILE SRC DST:PORT`: a policy, judged offline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tailnet.policy import Policy
from tailnet.problems import PolicyError
from tailnet.reading import parse

YES, WRONG, NO = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """0: well formed and every test holds, or yes; 1: it isn't, or one doesn't; 3: no."""
    given = _parser().parse_args(arguments)
    try:
        policy = parse(sys.stdin.read() if given.file == Path("-") else given.file.read_text(encoding="utf-8"))
        return _check(policy) if given.command == "check" else _may(policy, given)
    except PolicyError as error:
        print(error, file=sys.stderr)
        print(f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}", file=sys.stderr)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        print(error, file=sys.stderr)
    return WRONG


def _check(policy: Policy) -> int:
    failed = policy.failed_tests()
    for line in failed:
        print(line)
    print(f"{len(policy.rules)} rules, {len(policy.tests)} tests, {len(failed) or 'none'} failed")
    return WRONG if failed else YES


def _may(policy: Policy, given: argparse.Namespace) -> int:
    host, colon, port = given.destination.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f'"{given.destination}" is no destination; write host and port, as tag:nas:445')
    answer = policy.may(given.source, host.strip("[]"), int(port), given.proto)
    print(f"{'yes' if answer.allowed else 'no'}: {answer.why}")
    return YES if answer.allowed else NO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tailnet", description="Judge a tailnet's policy file, offline.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="whether it is well formed and its own tests hold")
    may = commands.add_parser("may", help="whether one may reach the other")
    for each in (check, may):
        each.add_argument("file", type=Path, metavar="FILE", help="a policy file, as HuJSON; - for standard input")
    may.add_argument("source", metavar="SRC", help="a login, a tag, a group, a host or an address")
    may.add_argument("destination", metavar="DST:PORT", help="the like, and one port")
    may.add_argument("--proto", default="tcp", help="tcp (unless said), udp, icmp …")
    return parser


if __name__ == "__main__":
    sys.exit(main())
