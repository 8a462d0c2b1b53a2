"""The programs of the home's monitoring run, are of the pinned releases, and do what tests of the home ask of them."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.real.container import Server, free_port, until
from tests.real.monitoring_tools import ROOT, program
from tools.machine import ask
from tools.toolchain import Tool
from tools.workplace import Workplace

PINS = Workplace(ROOT, os.environ, for_tests=True).pins
TOOLS = [(tool, pin.version(tool)) for pin in PINS for tool in pin.folder.tools]

RULES = """\
groups:
  - name: disks
    rules:
      - alert: DiskFull
        expr: {expression}
        for: 5m
"""

# One series that stays, and one that is there for four minutes.
RULES_TEST = """\
rule_files: [rules.yaml]
tests:
  - interval: 1m
    input_series:
      - {series: 'free{disk="a"}', values: '0x20'}
      - {series: 'free{disk="b"}', values: '0 0 0 0 9x16'}
    alert_rule_test:
      - {eval_time: 10m, alertname: DiskFull, exp_alerts: [{exp_labels: {disk: EXPECTED}}]}
"""

ROUTES = """\
route:
  receiver: family
  routes:
    - matchers: [severity="critical"]
      receiver: RECEIVER
receivers:
  - name: family
  - name: owner
"""


def run(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """What becomes of this command."""
    return subprocess.run([program(name), *words], capture_output=True, text=True, timeout=30)


def fetch(url: str) -> str:
    """What is served there; empty while nothing is, or not well."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@contextmanager
def running(folder: Path, name: str, *words: str | Path) -> Iterator[str]:
    """The server of that name on a port of its own; its address."""
    address = f"127.0.0.1:{free_port()}"
    folder = folder / name
    folder.mkdir()
    command = [str(program(name)), f"--web.listen-address={address}", *map(str, words)]
    server = Server(command, folder, pwd.getpwuid(os.geteuid()), {}, stopped_by=signal.SIGTERM)
    try:
        until(lambda: not server.runs or fetch(f"http://{address}/metrics") != "", f"{name} answers")
        assert server.runs, server.log.read_text()[-2000:]
        yield address
    finally:
        server.end()


@pytest.mark.parametrize(("tool", "version"), TOOLS, ids=[tool.name for tool, _ in TOOLS])
def test_a_program_says_the_pinned_release(tool: Tool, version: str) -> None:
    assert ask(tool, program(tool.name)) == version


@pytest.mark.parametrize(("expression", "good"), [("free == 0", True), ("free == (0", False), ("rate(free)", False)])
def test_promtool_reads_rules(tmp_path: Path, expression: str, good: bool) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(expression=expression))
    done = run("promtool", "check", "rules", rules)
    assert (done.returncode == 0) == good, done.stdout + done.stderr


@pytest.mark.parametrize(("expected", "good"), [("a", True), ("b", False)])
def test_promtool_knows_which_alerts_fire(tmp_path: Path, expected: str, good: bool) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.format(expression="free == 0"))
    (tmp_path / "test.yaml").write_text(RULES_TEST.replace("EXPECTED", expected))
    done = run("promtool", "test", "rules", tmp_path / "test.yaml")
    assert (done.returncode == 0) == good, done.stdout + done.stderr


@pytest.mark.parametrize(("receiver", "good"), [("owner", True), ("nobody", False)])
def test_amtool_knows_who_is_told(tmp_path: Path, receiver: str, good: bool) -> None:
    config = tmp_path / "alertmanager.yaml"
    config.write_text(ROUTES.replace("RECEIVER", receiver))
    assert (run("amtool", "check-config", config).returncode == 0) == good
    routed = run("amtool", "config", "routes", "test", f"--config.file={config}", "severity=critical")
    assert (routed.stdout.strip() == receiver) == good, routed.stderr


def test_prometheus_scrapes_what_the_exporters_and_alertmanager_tell(tmp_path: Path) -> None:
    config, modules, routes = (tmp_path / name for name in ("prometheus.yaml", "blackbox.yaml", "alertmanager.yaml"))
    modules.write_text("modules: {web: {prober: http, http: {preferred_ip_protocol: ip4}}}\n")
    routes.write_text(ROUTES.replace("RECEIVER", "owner"))
    with ExitStack() as stack:
        node = stack.enter_context(running(tmp_path, "node_exporter"))
        blackbox = stack.enter_context(running(tmp_path, "blackbox_exporter", f"--config.file={modules}"))
        alerts = stack.enter_context(
            running(
                tmp_path,
                "alertmanager",
                "--cluster.listen-address=",
                f"--config.file={routes}",
                f"--storage.path={tmp_path / 'alerts'}",
            )
        )
        assert "probe_success 1" in fetch(f"http://{blackbox}/probe?module=web&target=http://{alerts}/-/ready")
        assert "probe_success 0" in fetch(f"http://{blackbox}/probe?module=web&target=http://{alerts}/nothing")
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            f"  - {{job_name: all, static_configs: [{{targets: ['{node}', '{blackbox}', '{alerts}']}}]}}\n"
        )
        prometheus = stack.enter_context(
            running(tmp_path, "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'series'}")
        )

        def up() -> bool:
            return '"3"]' in fetch(f"http://{prometheus}/api/v1/query?query=sum(up)")

        until(up, "all three are scraped")
