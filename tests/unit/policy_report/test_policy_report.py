"""The policy report: every resource in it, every verdict where it belongs, and nothing that is a secret."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

import policy_report.report as reporting
from policies.rules import RULES
from policy_report.__main__ import REFUSED, WRONG, main
from policy_report.documentation import document
from policy_report.page import page
from policy_report.report import Report, Row, Verdict, data
from policy_report.table import table
from render.stack import PLACEHOLDER
from tests.unit.policy_report.reports import GRANTED, HOMELAB, homelab, mixed

ROOT = HOMELAB.parent
SCHEMA = json.loads(Path(reporting.__file__).with_name("schema.json").read_text(encoding="utf-8"))


def row(found: Report, kind: str, name: str) -> Row:
    return next(one for one in found.rows if (one.kind, one.name) == (kind, name))


def verdict(found: Report, kind: str, name: str, rule: str) -> Verdict:
    return next(cell.verdict for cell in row(found, kind, name).cells if cell.rule == rule)


def printed(found: Report, width: int = 240) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_owners_home_is_refused_nothing_and_every_exception_is_used_or_to_come() -> None:
    found = homelab()
    assert not found.refused
    assert found.counts[Verdict.UNDECIDED] == 0
    assert {one.state for one in found.granted} == {"used", "to come"}
    assert {one.exception.room for one in found.granted if one.state == "to come"} == {"transcode"}


def test_every_resource_is_there_whether_a_rule_is_about_it_or_not() -> None:
    found = homelab()
    assert len({one.urn for one in found.rows}) == len(found.rows)
    assert row(found, "Deployment", "jellyfin").worst is Verdict.PASS
    assert row(found, "StorageClass", "local-path-retain").worst is None


def test_controls_are_those_of_the_level_that_the_namespace_asks_for() -> None:
    rules = {cell.rule for cell in row(homelab(), "Deployment", "jellyfin").cells}
    assert "pod-security/restricted-volumes" in rules
    assert "pod-security/host-path-volumes" not in rules
    assert not any(cell.rule.startswith("pod-security/") for cell in row(homelab(), "DaemonSet", "csi-smb-node").cells)


def test_every_verdict_is_told_where_it_belongs() -> None:
    found = mixed()
    assert found.refused
    assert verdict(found, "Deployment", "driver", "unprivileged") is Verdict.EXCEPTION
    assert verdict(found, "Deployment", "n" * 63, "image-pinned") is Verdict.VIOLATION
    assert verdict(found, "Deployment", "later", "image-pinned") is Verdict.UNDECIDED
    assert verdict(found, "Deployment", "later", "probes") is Verdict.PASS
    assert verdict(found, "Deployment", "quiet", "probes") is Verdict.VIOLATION
    assert verdict(found, "Cluster", "cluster", "kubelet-skew") is Verdict.ADVICE
    assert {cell.rule for cell in found.general} == {"exception-expired", "exception-unused"}
    assert [one.state for one in found.granted] == ["used", "expired", "unused", "to come"]
    assert all(found.counts.values())


@pytest.mark.parametrize("make", [homelab, mixed])
def test_the_json_is_of_the_shape_that_it_says(make: object) -> None:
    assert callable(make)
    document = json.loads(json.dumps(data(make())))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert {one["name"] for one in document["rules"]} == set(RULES)


def test_the_table_tells_what_is_not_a_pass_in_full() -> None:
    text = printed(mixed())
    for part in (
        f"Deployment {'n' * 63}: spec.template.spec.containers[0].image is an image with the tag `latest`",
        "Deployment driver: mounts for others [unprivileged]",
        "the exception from probes for Deployment/gone is needed by nothing",
        "No rule is about 3 of them: NetworkPolicy, Secret.",
    ):
        assert part in text


def test_the_table_and_the_page_agree_with_the_counts() -> None:
    found = homelab()
    said = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items() if count)
    assert f"{len(found.rows)} resources, {len(RULES)} rules: {said}." in printed(found)
    assert f"{found.counts[Verdict.PASS]} times" in page(found)


def test_no_secret_is_in_any_form_of_it() -> None:
    found = homelab()
    for text in (printed(found), page(found), json.dumps(data(found))):
        assert PLACEHOLDER not in text
        assert "generated-password" not in text


def test_the_same_report_gives_the_same_page() -> None:
    assert page(mixed()) == page(mixed())


def test_the_documents_page_is_made_of_the_rules_and_exceptions() -> None:
    text = document(GRANTED)
    assert all(f"[`{name}`](" in text for name in RULES)
    assert all(one.reason in text for one in GRANTED)


def test_docs_policies_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doc"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "policies.md").read_text(encoding="utf-8"), "make policies-doc"


def test_the_command_writes_what_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "new"
    arguments = ["--file", str(HOMELAB), "--json", str(where / "r.json"), "--html", str(where / "r.html")]
    assert main(arguments) == 0
    assert json.loads((where / "r.json").read_text())["home"] == "homelab"
    assert (where / "r.html").read_text().startswith("<!doctype html>")
    capsys.readouterr()
    assert main(["--file", str(HOMELAB), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["refused"] is False


def test_the_command_says_what_is_wrong_with_a_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--file", str(tmp_path / "none.yaml")]) == WRONG
    assert "none.yaml" in capsys.readouterr().err
    assert REFUSED not in (0, WRONG)
