"""Calls to a stand-in as the engine makes them, without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2

from twin.standins.kinds import Home, Service
from twin.standins.record import Entry, Record
from twin.standins.server import StandIn
from twin.standins.values import decode, encode


class RefusedError(Exception):
    """What the engine would be told."""


class Context(grpc.ServicerContext):  # type: ignore[misc]
    """A call's context that raises what would be sent."""

    def abort(self, code: Any, details: str) -> NoReturn:
        raise RefusedError(details)


for abstract in Context.__abstractmethods__:
    setattr(Context, abstract, None)
Context.__abstractmethods__ = frozenset()
CONTEXT = Context()


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:twin::tiny::{token}::{name}"


class Calls:
    """A stand-in, called with plain values."""

    def __init__(self, service: Service, folder: Path, home: Home | None = None, **settings: Any) -> None:
        self.folder = folder
        self.record = Record(folder, service.name)
        self.standin = StandIn(service, folder, home)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        self.standin.Configure(provider_pb2.ConfigureRequest(args=encode(settings)), CONTEXT)

    def failures(self, token: str, inputs: dict[str, Any]) -> dict[str, str]:
        """What a preview would say, by property."""
        answer = self.standin.Check(provider_pb2.CheckRequest(urn=urn(token, "it"), news=encode(inputs)), CONTEXT)
        return {failure.property: failure.reason for failure in answer.failures}

    def create(
        self, token: str, name: str, inputs: dict[str, Any], preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(
            urn=urn(token, name), name=name, properties=encode(inputs), preview=preview
        )
        answer = self.standin.Create(request, CONTEXT)
        return answer.id, decode(answer.properties)

    def update(self, token: str, name: str, id: str, inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(urn=urn(token, name), name=name, id=id, news=encode(inputs))
        return decode(self.standin.Update(request, CONTEXT).properties)

    def delete(self, token: str, name: str, id: str) -> None:
        self.standin.Delete(provider_pb2.DeleteRequest(urn=urn(token, name), name=name, id=id), CONTEXT)

    def read(
        self,
        token: str,
        name: str,
        id: str,
        inputs: dict[str, Any] | None = None,
        properties: dict[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """A refresh, or without inputs and properties an import: the id, the inputs and the properties."""
        request = provider_pb2.ReadRequest(
            urn=urn(token, name), id=id, inputs=encode(inputs or {}), properties=encode(properties or {})
        )
        answer = self.standin.Read(request, CONTEXT)
        return answer.id, decode(answer.inputs), decode(answer.properties)

    def diff(self, token: str, old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], list[str]]:
        """What has changed, and which of it replaces."""
        request = provider_pb2.DiffRequest(urn=urn(token, "it"), id="x", old_inputs=encode(old), news=encode(new))
        answer = self.standin.Diff(request, CONTEXT)
        return list(answer.diffs), list(answer.replaces)

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        answer = self.standin.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)), CONTEXT)
        return decode(getattr(answer, "return"))

    def held(self, token: str) -> list[Entry]:
        return [entry for entry in self.record.entries() if entry.type == token]
