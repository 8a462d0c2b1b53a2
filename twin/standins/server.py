"""The generic stand-in: a resource provider over gRPC that plays any service described by `Kind`s.

The engine starts it as a plugin: it prints its port and serves until the engine ends. Every answer is worked out from
the SDK's own description of the resource (`sdk.resource_type`) and the kind's few rules.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from twin.standins import faults, sdk
from twin.standins.record import Entry, Record
from twin.standins.values import UNKNOWN, Properties, Secret, decode, encode, has_unknown, redact, reveal

_SHAPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
}
_DIFF = provider_pb2.PropertyDiff

Refusals = Callable[[Properties], Iterable[tuple[str, str]]]
"""Complete inputs to (property, reason) pairs."""


@dataclass(frozen=True)
class Made:
    """What the service answers to a create: its id for the thing and the properties it worked out."""

    id: str
    outputs: Properties


@dataclass(frozen=True)
class Kind:
    """How a stand-in plays one resource type, beyond what the SDK says of it."""

    token: str
    make: Callable[[Properties, Random], Made]
    """From complete inputs (defaults filled in, nothing secret-wrapped or unknown) and a source of randomness."""
    defaults: Mapping[str, Any]
    """Values of inputs left out."""
    refusals: Refusals = lambda inputs: ()
    """What the real service would refuse; asked only once every input is known."""
    replace_on: frozenset[str] | None = None
    """Inputs whose change replaces the resource; None stands for all of them."""


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """A stand-in for one service."""

    def __init__(self, service: str, kinds: Iterable[Kind], folder: Path) -> None:
        """Play `service` with its resource types `kinds`, keeping records in the twin's stand-in folder."""
        self._service = service
        self._kinds = {kind.token: kind for kind in kinds}
        self._folder = folder
        self._record = Record(folder, service)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the SDK it answers for: the engine compares it with the one the program asks for."""
        return plugin_pb2.PluginInfo(version=sdk.version(self._service))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Say what it understands: secrets, and previews that know a resource's own inputs."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Take any provider configuration as it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Nothing in a provider's configuration replaces what it holds."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Refuse what the SDK doesn't know and what the real service would refuse."""
        kind = self._kind(request.urn, context)
        inputs = decode(request.news)
        failures = [*self._malformed(kind, inputs)]
        if not failures and not has_unknown(inputs):
            failures = [*kind.refusals(_complete(kind, inputs))]
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(property=name, reason=f"the stand-in for {self._service} refuses: {reason}")
                for name, reason in failures
            ],
        )

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Compare inputs with inputs; an input not known yet counts as changed."""
        kind = self._kind(request.urn, context)
        old, new = (_complete(kind, decode(message)) for message in (request.old_inputs, request.news))
        changed = {
            name for name in old.keys() | new.keys() if old.get(name) != new.get(name) or has_unknown(new.get(name))
        }
        changed -= set(request.ignoreChanges)
        replacing = changed if kind.replace_on is None else changed & kind.replace_on
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted(changed),
            replaces=sorted(replacing),
            detailedDiff={
                name: _DIFF(kind=_DIFF.UPDATE_REPLACE if name in replacing else _DIFF.UPDATE, inputDiff=True)
                for name in changed
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make the thing and put it on record; in a preview, what it works out is unknown."""
        kind = self._kind(request.urn, context)
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(self._previewed(kind, inputs)))
        entry = Entry(id="", type=kind.token, urn=request.urn, inputs=redact(inputs), outputs={})
        made, outputs = self._make(kind, inputs, entry)
        self._moment("create", request.name, "before")
        self._record.add(replace(entry, id=made.id, outputs=redact(outputs)))
        self._moment("create", request.name, "after")
        return provider_pb2.CreateResponse(id=made.id, properties=encode(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Give a thing back by its id, to a refresh or an import; an empty answer if it isn't held."""
        kind = self._kind(request.urn, context)
        entry = self._record.find(kind.token, request.id, request.urn)
        if entry is None:
            return provider_pb2.ReadResponse()
        # The record holds no secret: those come from the engine's own state where it has one.
        inputs = {**entry.inputs, **decode(request.inputs)}
        _, outputs = self._make(kind, inputs, entry)
        return provider_pb2.ReadResponse(id=entry.id, inputs=encode(inputs), properties=encode(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a thing in place."""
        kind = self._kind(request.urn, context)
        inputs = decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(self._previewed(kind, inputs)))
        entry = self._record.find(kind.token, request.id, request.urn)
        if entry is None:
            self._fail(context, f"there is no {kind.token} with the id {request.id} to update")
        _, outputs = self._make(kind, inputs, entry)
        self._moment("update", request.name, "before")
        self._record.replace(entry, replace(entry, inputs=redact(inputs), outputs=redact(outputs)))
        self._moment("update", request.name, "after")
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Take a thing off the record; one that isn't there counts as deleted, so a crashed delete can be repeated."""
        kind = self._kind(request.urn, context)
        self._moment("delete", request.name, "before")
        entry = self._record.find(kind.token, request.id, request.urn)
        if entry is not None:
            self._record.remove(entry)
        self._moment("delete", request.name, "after")
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Refuse: no service played so far has functions that the program uses."""
        self._fail(context, f"it does not play the function {request.tok}")

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Nothing to do: no call takes long enough to be cut short."""
        return empty_pb2.Empty()

    def _kind(self, urn: str, context: grpc.ServicerContext) -> Kind:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._kinds:
            self._fail(context, f"it does not play {token}; it plays {', '.join(sorted(self._kinds))}")
        return self._kinds[token]

    def _malformed(self, kind: Kind, inputs: Properties) -> Iterable[tuple[str, str]]:
        """What is wrong with the inputs by the SDK alone."""
        known = _declared(kind).inputs
        for name in inputs.keys() - known.keys():
            yield name, f"{kind.token} has no property {name!r}; it has {', '.join(sorted(known))}"
        for name, declared in known.items():
            value = reveal(inputs.get(name))
            if value is None:
                if declared.required:
                    yield name, f"{kind.token} needs the property {name!r}"
            elif not isinstance(value, _SHAPES.get(declared.shape, (object,))) and value is not UNKNOWN:
                yield name, f"{name!r} of {kind.token} must be of type {declared.shape}"

    def _make(self, kind: Kind, inputs: Properties, entry: Entry) -> tuple[Made, Properties]:
        """What the service answers for these inputs: always the same for the same entry."""
        made = kind.make(_complete(kind, inputs), self._record.source(entry.serial))
        secret = _declared(kind).secret_outputs
        worked_out = {name: Secret(value) if name in secret else value for name, value in made.outputs.items()}
        return made, {**kind.defaults, **inputs, **worked_out}

    def _previewed(self, kind: Kind, inputs: Properties) -> Properties:
        declared = _declared(kind)
        worked_out = {
            name: Secret(UNKNOWN) if name in declared.secret_outputs else UNKNOWN
            for name in declared.outputs - declared.inputs.keys()
        }
        return {**kind.defaults, **inputs, **worked_out}

    def _moment(self, method: str, name: str, moment: str) -> None:
        faults.strike(self._folder, faults.Fault(method, name, moment))
        faults.leave_if_orphaned()

    def _fail(self, context: grpc.ServicerContext, reason: str) -> NoReturn:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the stand-in for {self._service}: {reason}")
        raise AssertionError("abort raises")


def serve(service: str, kinds: Iterable[Kind], folder: Path) -> None:
    """Serve a stand-in on a free loopback port, print the port as the engine expects, and end with the engine."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", 400 << 20)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(service, kinds, folder), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # How the engine ends its plugins.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, lambda *_: os._exit(0))
    threading.Thread(target=_watch_the_engine, daemon=True).start()
    print(port, flush=True)
    server.wait_for_termination()


def _watch_the_engine() -> None:
    while True:
        faults.leave_if_orphaned()
        time.sleep(0.5)


def _declared(kind: Kind) -> sdk.ResourceType:
    declared = sdk.resource_type(kind.token)
    if declared is None:
        raise LookupError(f"the installed SDK has no {kind.token}")
    return declared


def _complete(kind: Kind, inputs: Properties) -> Properties:
    """Inputs as the service sees them: defaults filled in, secrets unwrapped."""
    given = {name: reveal(value) for name, value in inputs.items() if value is not None}
    return {**kind.defaults, **given}
