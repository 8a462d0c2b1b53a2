"""The JSON Schema of a stack's config file, by which editors explain and check it while it is written.

It says what can be said of single values; `home.checks` judges whether they agree. `python -m home schema` prints it,
and home/schema.json is that text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from home import reading, secrets
from home.loading import PREFIX
from home.model import Home

FILE = Path(__file__).with_name("schema.json")


def stack_file() -> dict[str, Any]:
    """The schema of `Pulumi.<stack>.yaml`: our keys in full, other namespaces as they come."""
    ours = reading.schema_of(Home)
    definitions = ours["$defs"]
    keys = {f"{PREFIX}{key}": schema for key, schema in ours["properties"].items()}
    for secret in secrets.ALL:
        keys[f"{PREFIX}{secret.key}"] = _encrypted(secret)
    return {
        # The newest draft that the YAML language server knows in full.
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A HomeBrain home",
        "description": "A Pulumi stack's config file that describes a home.",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "description": "The stack's config; the home's own keys start with homebrain:",
                "type": "object",
                "properties": keys,
                "required": [f"{PREFIX}{key}" for key in ours["required"]],
                "patternProperties": {f"^(?!{PREFIX})": True},
                "additionalProperties": False,
            }
        },
        "$defs": definitions,
    }


def text() -> str:
    """The schema as it stands in home/schema.json."""
    return json.dumps(stack_file(), indent=2, ensure_ascii=False) + "\n"


def _encrypted(secret: secrets.Secret) -> dict[str, Any]:
    return {
        "description": f"Secret: {secret.what}. Needed when {secret.when}. "
        f"Set it with `pulumi config set --secret {PREFIX}{secret.key}`.",
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
