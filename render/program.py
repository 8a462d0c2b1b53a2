"""Run the Pulumi program against a monitor that only records."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import config as runtime_config
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "homebrain"

# How Pulumi marks a secret value on the wire, and an unknown one.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 a mark, not a secret


def _secret(value: str) -> Mapping[str, str]:
    """A secret value as it goes over the wire."""
    return {SIGNATURE: SECRET, "value": value}


# What a provider would make up, by resource type.
COMPUTED: Mapping[str, Mapping[str, Any]] = {
    "random:index/randomPassword:RandomPassword": {
        "result": _secret("generated-password"),
        "bcryptHash": _secret("hash-of-a-generated-password"),
    },
    "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication": {"aud": "generated-audience-tag"},
    "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": {
        "clientId": "generated-client-id",
        "clientSecret": _secret("generated-client-secret"),
    },
    "tailscale:index/tailnetKey:TailnetKey": {"key": _secret("generated-auth-key")},
}

# What a provider would answer to a function, by its token. Nothing is asked that isn't here.
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "cloudflare:index/getZone:getZone": {
        "zoneId": "generated-zone-id",
        "account": {"id": "generated-account-id", "name": "the account"},
    },
    "cloudflare:index/getZeroTrustOrganization:getZeroTrustOrganization": {
        "authDomain": "generated-team.cloudflareaccess.com",
    },
    # As the provider has it: not marked as secret.
    "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken": {
        "token": "generated-tunnel-token",
    },
}


@dataclass(frozen=True)
class Secret:
    """A value that the program marks as secret. It shows as `[secret]` wherever it is printed."""

    value: Any = field(repr=False)

    def __str__(self) -> str:
        return "[secret]"


@dataclass(frozen=True)
class Registration:
    """One resource as the program registers it.

    `inputs` are plain data in the provider's own spelling; a secret value in them is a `Secret`. `provider` is the URN
    and id of an explicit provider, "" where the resource would take a default one. `read` resources are looked up, not
    created. What becomes of the inputs named by `ignore_changes` isn't the program's.
    """

    type: str
    name: str
    urn: str
    parent: str
    inputs: Mapping[str, Any]
    provider: str
    protect: bool
    retain_on_delete: bool
    depends_on: tuple[str, ...]
    custom: bool
    read: bool = False
    ignore_changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What came of one run of the program.

    `outputs` are what each component registered, by URN; `exports` the stack's own.
    """

    registrations: tuple[Registration, ...]
    outputs: Mapping[str, Mapping[str, Any]]
    exports: Mapping[str, Any]

    def of_type(self, token: str) -> tuple[Registration, ...]:
        """The resources of one type, as in `kubernetes:apps/v1:Deployment`."""
        return tuple(one for one in self.registrations if one.type == token)

    def named(self, token: str, name: str) -> Registration:
        """The one resource of this type and name. Raises `LookupError` when there is none."""
        for one in self.of_type(token):
            if one.name == name:
                return one
        raise LookupError(f"no {token} named {name}; there are {sorted(one.name for one in self.of_type(token))}")

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Every object of the Kubernetes API that the program declares, as plain data, in the order of registration."""
        return [api_object(one) for one in self.registrations if one.type.startswith("kubernetes:") and not one.read]


def api_object(registration: Registration) -> dict[str, Any]:
    """The object of the Kubernetes API behind a registration: `apiVersion`, `kind`, then what was declared."""
    _, group_version, kind = registration.type.split(":")
    inputs = {key: value for key, value in registration.inputs.items() if key not in ("apiVersion", "kind")}
    # The core group has no name; a patch is told apart by its type alone.
    return {"apiVersion": group_version.removeprefix("core/"), "kind": kind.removesuffix("Patch"), **inputs}


def evaluate(
    config: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    *,
    stack: str = "homelab",
    program: Path = ROOT / "__main__.py",
) -> Evaluation:
    """Run the program with this stack config and return what it registers.

    config: values by key, without the project's name; structured ones as plain data. secrets: values of secret keys.
    Whatever the program raises, this raises.
    """
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    values = {f"{PROJECT}:{key}": value for key, value in (plain | dict(secrets or {})).items()}
    secret_keys = [f"{PROJECT}:{key}" for key in secrets or {}]
    # The SDK keeps what it knows of a run in context variables: a context of our own leaves no trace of this one.
    return contextvars.Context().run(_run, values, secret_keys, stack, program)


def _run(values: dict[str, str], secret_keys: list[str], stack: str, program: Path) -> Evaluation:
    monitor = _Recorder()
    # A program that registers nothing more after a failure says so through the exception; the SDK's log would say it
    # twice.
    quiet = logging.getLogger("homebrain.render")
    quiet.setLevel(logging.CRITICAL)
    settings.configure(
        mocks.MockSettings(  # type: ignore[no-untyped-call]
            monitor=monitor,
            engine=mocks.MockEngine(quiet),
            project=PROJECT,
            stack=stack,
            dry_run=False,
            organization=None,
        )
    )
    runtime_config.set_all_config(values, secret_keys)
    asyncio.run(run_in_stack(lambda: _execute(program)))
    exports = monitor.outputs.pop(monitor.stack, {})
    return Evaluation(registrations=tuple(monitor.registrations), outputs=monitor.outputs, exports=exports)


def _execute(program: Path) -> None:
    folder = str(program.parent)
    sys.path.insert(0, folder)
    try:
        runpy.run_path(str(program), run_name="__main__")
    finally:
        sys.path.remove(folder)


class _Recorder(mocks.MockMonitor):
    """A resource monitor that answers as if everything were created at once, and writes down what it was asked."""

    def __init__(self) -> None:
        super().__init__(_Answers())
        self.registrations: list[Registration] = []
        self.outputs: dict[str, Mapping[str, Any]] = {}
        self.stack = ""

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            self.stack = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        self.registrations.append(_registration(request, urn, request.object, custom=request.custom))
        # What goes in comes out, secret marks and all.
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        state.update(COMPUTED.get(request.type, {}))
        identity = request.importId or request.name
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=state)

    def ReadResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        self.registrations.append(_registration(request, urn, request.properties, custom=True, read=True))
        properties = struct_pb2.Struct()
        properties.CopyFrom(request.properties)
        name = request.id.rpartition("/")[2]
        properties.update({"metadata": {"name": name}})
        return resource_pb2.ReadResourceResponse(urn=urn, properties=properties)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self.outputs[request.urn] = _plain(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()


def _registration(request: Any, urn: str, inputs: Any, *, custom: bool, read: bool = False) -> Registration:
    return Registration(
        type=request.type,
        name=request.name,
        urn=urn,
        parent=request.parent,
        inputs=_plain(json_format.MessageToDict(inputs)),
        provider=request.provider,
        protect=bool(getattr(request, "protect", False)),
        retain_on_delete=bool(getattr(request, "retainOnDelete", False)),
        depends_on=tuple(request.dependencies),
        custom=custom,
        read=read,
        ignore_changes=tuple(getattr(request, "ignoreChanges", ())),
    )


class _Answers(mocks.Mocks):
    """Answers the provider functions that the program calls, and no other."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise NotImplementedError("the recorder registers resources itself")

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token not in ANSWERS:
            raise NotImplementedError(f"no answer to the provider function {args.token} without an engine")
        return {**args.args, **ANSWERS[args.token]}, []


def _plain(value: Any) -> Any:
    """Take the wire format's marks off: secrets become `Secret`, whole numbers integers again."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return Secret(_plain(value.get("value")))
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value == rpc.UNKNOWN:
        return None
    return value
