"""What references/metrics.yaml says that a program tells, it really tells: that kind of metric, with those labels."""

from __future__ import annotations

import datetime
import os
import pwd
import re
import signal
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from references import metrics
from tests.real.container import Server, free_port, until
from tests.real.monitoring_tools import program

CATALOG = metrics.load()

MODULES = "modules: {web: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}}\n"
ROUTES = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
RULES = "groups: [{name: tests, rules: [{alert: Always, expr: vector(1)}]}]\n"
CONFIG = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs: [{job_name: prometheus, static_configs: [{targets: [ITSELF]}]}]
alerting: {alertmanagers: [{static_configs: [{targets: [ALERTMANAGER]}]}]}
"""

# A sample as programs write it: a name, perhaps labels in braces, a figure.
_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? \S+")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"')


@dataclass
class Told:
    """What one or more programs tell: the kind of each metric, and the labels of each series."""

    kinds: dict[str, str] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)

    def add(self, text: str) -> None:
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.removeprefix("# TYPE ").split()
                self.kinds[name] = kind
            elif sample := _SAMPLE.match(line):
                self.labels.setdefault(sample["name"], set()).update(_LABEL.findall(sample["labels"] or ""))


def fetch(url: str) -> str:
    """What is served there; empty while nothing is, or not well."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@contextmanager
def running(folder: Path, name: str, *words: str, port: int | None = None) -> Iterator[str]:
    """The server of that name; its address."""
    address = f"127.0.0.1:{port or free_port()}"
    folder = folder / name
    folder.mkdir()
    command = [str(program(name)), f"--web.listen-address={address}", *words]
    server = Server(command, folder, pwd.getpwuid(os.geteuid()), {}, stopped_by=signal.SIGTERM)
    try:
        until(lambda: not server.runs or fetch(f"http://{address}/metrics") != "", f"{name} answers")
        assert server.runs, server.log.read_text()[-2000:]
        yield address
    finally:
        server.end()


@contextmanager
def served_by_tls(folder: Path) -> Iterator[str]:
    """A page behind a certificate of its own; its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """What each program tells, by the name that the table has for it."""
    folder = tmp_path_factory.mktemp("told")
    for name, text in (("blackbox.yaml", MODULES), ("alertmanager.yaml", ROUTES), ("rules.yaml", RULES)):
        (folder / name).write_text(text)
    found = {name: Told() for name in ("go-programs", "every-scrape", "rules")}
    with ExitStack() as stack:
        start = stack.enter_context
        alertmanager = start(
            running(
                folder,
                "alertmanager",
                f"--config.file={folder / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alerts'}",
                "--cluster.listen-address=",
            )
        )
        port = free_port()
        config = CONFIG.replace("ITSELF", f'"127.0.0.1:{port}"').replace("ALERTMANAGER", f'"{alertmanager}"')
        (folder / "prometheus.yaml").write_text(config)
        prometheus = start(
            running(
                folder,
                "prometheus",
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'series'}",
                # What is sent before it knows to whom is lost, and by default sent again after a minute.
                "--rules.alert.resend-delay=1s",
                port=port,
            )
        )
        blackbox = start(running(folder, "blackbox_exporter", f"--config.file={folder / 'blackbox.yaml'}"))
        node = start(running(folder, "node_exporter"))
        probed = f"http://{blackbox}/probe?module=web&target=https://{start(served_by_tls(folder))}"
        received = re.compile(r'alertmanager_alerts_received_total\{status="firing",version="v2"\} [1-9]')
        until(lambda: received.search(fetch(f"http://{alertmanager}/metrics")) is not None, "the alert is sent")

        def has(series: str) -> bool:
            return f'"__name__":"{series}"' in fetch(f"http://{prometheus}/api/v1/query?query={series}")

        until(lambda: has("up"), "Prometheus has asked itself")
        pages = {
            "prometheus": f"http://{prometheus}/metrics",
            "alertmanager": f"http://{alertmanager}/metrics",
            "node-exporter": f"http://{node}/metrics",
            "blackbox-exporter": probed,
            "blackbox-exporter-itself": f"http://{blackbox}/metrics",
        }
        for name, page in pages.items():
            found[name] = Told()
            found[name].add(fetch(page))
            if page != probed:
                found["go-programs"].add(fetch(page))
        for app in ("every-scrape", "rules"):
            for name in CATALOG.apps[app].metrics:
                if has(name):
                    found[app].kinds[name] = "gauge"
    return found


WATCHED = [
    (app, name)
    for app in (
        "every-scrape",
        "rules",
        "go-programs",
        "prometheus",
        "alertmanager",
        "node-exporter",
        "blackbox-exporter",
        "blackbox-exporter-itself",
    )
    for name in CATALOG.apps[app].metrics
]


@pytest.mark.engine
@pytest.mark.parametrize(("app", "name"), WATCHED)
def test_a_metric_of_the_table_is_told_with_its_labels(told: dict[str, Told], app: str, name: str) -> None:
    metric = CATALOG.apps[app].metrics[name]
    really = told[app]
    if metric.when and name not in really.kinds and app != "blackbox-exporter":
        pytest.skip(f"this machine isn't one where it is told: {metric.when}")
    assert really.kinds.get(name) == metric.type
    told_by = {"histogram": f"{name}_bucket", "summary": f"{name}_count"}.get(metric.type, name)
    if metric.labels is not None:
        assert really.labels.get(told_by, set()) - {"le"} == set(metric.labels)
