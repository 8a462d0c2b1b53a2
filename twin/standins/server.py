"""The generic stand-in: a resource provider over gRPC that plays any service described by `Kind`s.

The engine starts it as a plugin: it prints its port and serves until the engine ends. Every answer is worked out from
the SDK's own description of the resource (`sdk.resource_type`) and the kind's few rules.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from twin.standins import faults, sdk, shapes
from twin.standins.kinds import Home, Kind, Made, RefusedError, Service, View
from twin.standins.record import Entry, Record
from twin.standins.values import (
    UNKNOWN,
    Properties,
    Secret,
    decode,
    encode,
    has_unknown,
    is_redacted,
    redact,
    reveal,
)

_DIFF = provider_pb2.PropertyDiff


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """A stand-in for one service."""

    def __init__(self, service: Service, folder: Path, home: Home | None = None) -> None:
        """Play `service` for a home, keeping records in the twin's stand-in folder."""
        self._service = service
        self._kinds = {kind.token: kind for kind in service.kinds}
        self._folder = folder
        self._home = home or Home()
        self._record = Record(folder, service.name)
        self._settings: Properties = {}

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of the SDK it answers for: the engine compares it with the one the program asks for."""
        return plugin_pb2.PluginInfo(version=sdk.version(self._service.name))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Say what it understands: secrets, and previews that know a resource's own inputs."""
        self._settings = reveal(decode(request.args))
        given = {name for name, value in self._settings.items() if value not in (None, "")}
        if self._service.credentials and not any(each <= given for each in self._service.credentials):
            ways = ", or ".join(" and ".join(sorted(each)) for each in self._service.credentials)
            self._fail(context, f"the provider has no credentials; it needs {ways}")
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
        failures = [*shapes.problems(_declared(kind), inputs)]
        if not failures and not has_unknown(inputs):
            failures = [*kind.refusals(_complete(kind, inputs), self._view(self._record.entries()))]
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(
                    property=name, reason=f"the stand-in for {self._service.name} refuses: {reason}"
                )
                for name, reason in failures
            ],
        )

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Compare inputs with inputs; an input not known yet counts as changed."""
        kind = self._kind(request.urn, context)
        old, new = (kind.normal(_complete(kind, decode(message))) for message in (request.old_inputs, request.news))
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
        entry = Entry(id="", type=kind.token, urn=request.urn, inputs=_sealed(kind, inputs), outputs={})
        made, outputs = self._make(kind, inputs, entry)
        entry = replace(entry, id=made.id, outputs=redact(outputs))
        self._moment(context, "create", request.urn, "before")
        with self._record.changing() as entries:
            self._refuse_conflicts(context, kind, inputs, entries)
            if kind.one_per_id:
                entries[:] = [each for each in entries if (each.type, each.id) != (kind.token, made.id)]
            entries.append(entry)
        self._moment(context, "create", request.urn, "after")
        return provider_pb2.CreateResponse(id=made.id, properties=encode(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Give a thing back as the record has it, to a refresh or an import; an empty answer if it isn't held."""
        kind = self._kind(request.urn, context)
        self._moment(context, "read", request.urn, "before")
        entry = self._sought(kind, request, context)
        if entry is None:
            return provider_pb2.ReadResponse()
        # The record holds no secret: the stand-in works its own out again, others the engine has in its state.
        given, known = decode(request.inputs), decode(request.properties)
        inputs = _unsealed(entry.inputs, given)
        _, worked_out = self._make(kind, inputs, entry)
        outputs = _unsealed(entry.outputs, {**known, **worked_out})
        return provider_pb2.ReadResponse(id=entry.id, inputs=encode(inputs), properties=encode(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a thing in place."""
        kind = self._kind(request.urn, context)
        inputs = decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(self._previewed(kind, inputs)))
        self._moment(context, "update", request.urn, "before")
        entry = self._record.find(kind.token, request.id, request.urn)
        if entry is None:
            self._fail(context, f"there is no {kind.token} with the id {request.id} to update")
        _, outputs = self._make(kind, inputs, entry)
        outputs.update({name: entry.outputs[name] for name in kind.lasting & entry.outputs.keys()})
        # Whose it is: something that was imported now belongs to the resource that imported it.
        changed = replace(entry, urn=request.urn, inputs=_sealed(kind, inputs), outputs=redact(outputs))
        with self._record.changing() as entries:
            self._refuse_conflicts(context, kind, inputs, [each for each in entries if each.serial != entry.serial])
            entries[:] = [changed if each.serial == entry.serial else each for each in entries]
        self._moment(context, "update", request.urn, "after")
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Take a thing off the record; one that isn't there counts as deleted, so a crashed delete can be repeated."""
        kind = self._kind(request.urn, context)
        self._moment(context, "delete", request.urn, "before")
        entry = self._record.find(kind.token, request.id, request.urn)
        if entry is not None:
            gone = () if kind.outlives({**kind.defaults, **entry.inputs}) else (entry.serial,)
            parts = {each.token for each in self._kinds.values() if each.part_of == kind.token}
            with self._record.changing() as entries:
                entries[:] = [
                    replace(each, urn="") if each.serial == entry.serial else each
                    for each in entries
                    if each.serial not in gone and not (each.type in parts and each.id == entry.id)
                ]
        self._moment(context, "delete", request.urn, "after")
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Answer a function that looks something up."""
        function = self._service.functions.get(request.tok)
        if function is None:
            self._fail(context, f"it does not play the function {request.tok}")
        self._moment(context, "invoke", request.tok, "before")
        try:
            result = function(reveal(decode(request.args)), self._view(self._record.entries()))
        except RefusedError as refusal:
            self._fail(context, str(refusal))
        return provider_pb2.InvokeResponse(**{"return": encode(result)})

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Nothing to do: no call takes long enough to be cut short."""
        return empty_pb2.Empty()

    def _kind(self, urn: str, context: grpc.ServicerContext) -> Kind:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._kinds:
            self._fail(context, f"it does not play {token}; it plays {', '.join(sorted(self._kinds))}")
        return self._kinds[token]

    def _view(self, entries: Iterable[Entry]) -> View:
        return View(self._home, self._settings, tuple(entries), self._record.source)

    def _refuse_conflicts(
        self, context: grpc.ServicerContext, kind: Kind, inputs: Properties, others: Iterable[Entry]
    ) -> None:
        for name, reason in kind.conflicts(_complete(kind, inputs), self._view(others)):
            self._fail(context, f"{name}: {reason}")

    def _sought(self, kind: Kind, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> Entry | None:
        """What a read asks for. An import, which knows nothing but an id, says in it whose the thing is."""
        imported = not request.inputs.fields and not request.properties.fields
        if not (imported and kind.import_form):
            return self._record.find(kind.token, request.id, request.urn)
        if request.id.count("/") != kind.import_form.count("/"):
            self._fail(context, f"invalid ID {request.id!r}: expected {kind.import_form}")
        *_, owner, id = request.id.split("/")
        entry = self._record.find(kind.token, id, request.urn)
        owners = (entry.inputs.get("accountId"), entry.inputs.get("zoneId")) if entry else ()
        return entry if owner in owners else None

    def _make(self, kind: Kind, inputs: Properties, entry: Entry) -> tuple[Made, Properties]:
        """What the service answers for these inputs: always the same for the same entry."""
        made = kind.make(_complete(kind, inputs), self._record.source(entry.serial))
        return made, _marked(kind, {**kind.defaults, **inputs, **made.outputs})

    def _previewed(self, kind: Kind, inputs: Properties) -> Properties:
        declared = _declared(kind)
        worked_out = {
            name: Secret(UNKNOWN) if name in declared.secret_outputs else UNKNOWN
            for name in declared.outputs - declared.inputs.keys()
        }
        return {**kind.defaults, **inputs, **worked_out}

    def _moment(self, context: grpc.ServicerContext, method: str, of: str, moment: str) -> None:
        """A moment for which a fault can be armed; `of` is a URN, or a function's token."""
        name = of.rpartition("::" if "::" in of else ":")[2]
        wrong = faults.strike(self._folder, method, name, moment, self._service.attempts)
        faults.leave_if_orphaned()
        if wrong is not None:
            self._fail(context, wrong)

    def _fail(self, context: grpc.ServicerContext, reason: str) -> NoReturn:
        # The code that errors of the real providers have: the engine can't tell what came of the call.
        context.abort(grpc.StatusCode.UNKNOWN, f"the stand-in for {self._service.name}: {reason}")
        raise AssertionError("abort raises")


def serve(service: Service, folder: Path, home: Home) -> None:
    """Serve a stand-in on a free loopback port, print the port as the engine expects, and end with the engine."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", 400 << 20)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(service, folder, home), server)
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


def _marked(kind: Kind, properties: Properties) -> Properties:
    """Properties with those marked secret that the SDK says are, whether or not the program marked them."""
    secret = _declared(kind).secret_outputs
    return {
        name: Secret(value) if name in secret and not isinstance(value, Secret) else value
        for name, value in properties.items()
    }


def _sealed(kind: Kind, inputs: Properties) -> Properties:
    """Inputs as they may stand in the record."""
    sealed: Properties = redact(_marked(kind, inputs))
    return sealed


def _unsealed(stored: Properties, known: Properties) -> Properties:
    """Properties of the record, with those that hold a secret taken from elsewhere; left out if nobody has them."""
    return {
        name: known.get(name) if is_redacted(value) else value
        for name, value in stored.items()
        if not is_redacted(value) or name in known
    }
