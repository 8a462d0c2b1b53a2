"""What an agent makes of a line, by the text of its config: neither agent runs here, so their stages are followed.

Each config is read as text and brought to the same form, `Reading`; `Reading.entry` then does what the documentation of
both says of each stage. Alloy: docs/sources/reference/components/loki/loki.process.md and loki.source.journal.md.
Promtail: docs/sources/send-data/promtail/stages/ and configuration.md. Expressions are RE2 there and Python's here; the
home's use nothing in which the two differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import yaml

from components.monitoring.alloy import Block, Expression
from tests.unit.components.monitoring.alloy_syntax import read

_CRI = re.compile(r"(?s)(?P<time>\S+?) (?P<stream>stdout|stderr) (?P<flags>\S+?) (?P<content>.*)")


@dataclass(frozen=True)
class Entry:
    """A line as it is sent: its labels, its time, its text."""

    labels: Mapping[str, str]
    time: str
    line: str


@dataclass(frozen=True)
class Reading:
    """An agent's config, whichever it is. Stages and rules are in their order, by name."""

    path: str
    labels: Mapping[str, str]
    stages: tuple[tuple[str, Mapping[str, Any]], ...]
    journal_path: str
    journal_age: str
    journal_labels: Mapping[str, str]
    rules: tuple[Mapping[str, Any], ...]
    url: str
    pause: str
    retries: int

    def entries(self, path: str, lines: Iterable[str], node: str) -> list[Entry]:
        """What is sent of a file's lines; nothing where the file isn't read."""
        if not fnmatchcase(path, self.path) or path.count("/") != self.path.count("/"):
            return []
        [(first, cri), *rest] = self.stages
        assert first == "cri"
        sent, so_far = [], ""
        for line in lines:
            found = _CRI.fullmatch(line)
            assert found, line
            so_far += found["content"]
            if cri["max_partial_line_size_truncate"]:
                so_far = so_far[: cri["max_partial_line_size"]]
            if found["flags"] == "P":
                continue
            labels = {**self.labels, "filename": path, "stream": found["stream"]}
            sent.append(Entry(_after(rest, labels, so_far) | {"node": node}, found["time"], so_far))
            so_far = ""
        return sent

    def journal(self, fields: Mapping[str, str], node: str) -> dict[str, str]:
        """The labels of an entry of the journal with these fields."""
        labels = {f"__journal_{name.lower()}": value for name, value in fields.items()} | dict(self.journal_labels)
        for rule in self.rules:
            [source] = rule["source_labels"]
            found = re.fullmatch(rule["regex"], labels.get(source, ""))
            if found:
                labels[rule["target_label"]] = re.sub(r"\$(\d)", partial(_group, found), rule["replacement"])
        return {name: value for name, value in labels.items() if not name.startswith("__")} | {"node": node}


def _group(found: re.Match[str], reference: re.Match[str]) -> str:
    """What a replacement's $1 stands for."""
    return found[int(reference[1])]


def _after(stages: Iterable[tuple[str, Mapping[str, Any]]], labels: dict[str, str], line: str) -> dict[str, str]:
    """The labels after these stages. What is known at first are the labels themselves."""
    known = dict(labels)
    for name, options in stages:
        if name == "regex":
            if found := re.search(options["expression"], known.get(options["source"], "")):
                known |= found.groupdict()
        elif name == "labels":
            for label, source in options["values"].items():
                if (source or label) in known:
                    labels[label] = known[source or label]
        elif name == "label_drop":
            for label in options["values"]:
                labels.pop(label, None)
        else:
            raise AssertionError(f"no stage {name} is followed here")
    return labels


def of_alloy(text: str) -> Reading:
    """Alloy's config. Every reference in it leads to a block that is there."""
    blocks = {one.reference: one for one in read(text)}
    [files] = _named(blocks, "loki.source.file")
    found = _led(_said(files)["targets"], "targets", blocks)
    process = _led(*_only(_said(files)["forward_to"]), blocks)
    write = _led(*_only(_said(process)["forward_to"]), blocks)
    [journal] = _named(blocks, "loki.source.journal")
    assert _led(*_only(_said(journal)["forward_to"]), blocks) == write
    rules = _led(_said(journal)["relabel_rules"], "rules", blocks)
    assert _said(write)["external_labels"] == {"node": Expression('sys.env("NODE_NAME")')}
    [endpoint] = write.blocks
    [target] = _said(found)["path_targets"]
    return Reading(
        path=target["__path__"],
        labels={name: value for name, value in target.items() if name != "__path__"},
        stages=tuple((one.name.removeprefix("stage."), _said(one)) for one in process.blocks),
        journal_path=_said(journal)["path"],
        journal_age=_said(journal)["max_age"],
        journal_labels=_said(journal)["labels"],
        rules=tuple(_said(one) for one in rules.blocks),
        url=_said(endpoint)["url"],
        pause=_said(endpoint)["max_backoff_period"],
        retries=_said(endpoint)["max_backoff_retries"],
    )


def of_promtail(text: str) -> Reading:
    """Promtail's config."""
    config = yaml.safe_load(text)
    pods, journal = config["scrape_configs"]
    [static] = pods["static_configs"]
    [client] = config["clients"]
    return Reading(
        path=static["labels"]["__path__"],
        labels={name: value for name, value in static["labels"].items() if name != "__path__"},
        stages=tuple(_promtail_stage(*one) for stage in pods["pipeline_stages"] for one in stage.items()),
        journal_path=journal["journal"]["path"],
        journal_age=journal["journal"]["max_age"],
        journal_labels=journal["journal"]["labels"],
        rules=tuple(journal["relabel_configs"]),
        url=client["url"],
        pause=client["backoff_config"]["max_period"],
        retries=client["backoff_config"]["max_retries"],
    )


def _promtail_stage(name: str, options: Any) -> tuple[str, Mapping[str, Any]]:
    if name == "labels":
        return name, {"values": {label: source or "" for label, source in options.items()}}
    if name == "labeldrop":
        return "label_drop", {"values": options}
    return name, options


def _said(block: Block) -> dict[str, Any]:
    return dict(block.attributes)


def _named(blocks: Mapping[str, Block], name: str) -> list[Block]:
    return [one for one in blocks.values() if one.name == name]


def _only(receivers: list[Expression]) -> tuple[Expression, str]:
    [receiver] = receivers
    return receiver, "receiver"


def _led(reference: Any, export: str, blocks: Mapping[str, Block]) -> Block:
    assert isinstance(reference, Expression)
    holder, _, exported = reference.text.rpartition(".")
    assert exported == export, reference.text
    return blocks[holder]
