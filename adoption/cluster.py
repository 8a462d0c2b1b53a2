"""The cluster, asked: objects as they are, and what declaring one would make of it. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from adoption import changes
from adoption.program import Declared, plain

Manifest = dict[str, Any]

# Of the dry runs only: nothing is kept under this name.
FIELD_MANAGER = "homebrain-adoption"
_SECONDS = 30


class RefusedError(Exception):
    """The API server said no: the HTTP status and its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class UnreachableError(Exception):
    """Nobody answered at the API server's address, or the kubeconfig doesn't lead to one."""


class Cluster:
    """One cluster, through the kubeconfig that the stack names."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        """Raises `UnreachableError` when the file or the context in it isn't there."""
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}
        try:
            self._client = config.new_client_from_config(str(kubeconfig), context, persist_config=False)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise UnreachableError(f"{kubeconfig}: {error}") from error

    def get(self, declared: Declared) -> Manifest | None:
        """The object that is there under this name, or None."""
        path = self._path(declared)
        return None if path is None else self._found(path)

    def applied(self, declared: Declared, live: Mapping[str, Any]) -> Manifest:
        """What the object `live` would be once it is declared, by a dry run of the API server.

        Raises `RefusedError` with status 422 when it can't be made so, as with a field that never changes.
        """
        path = self._path(declared)
        if path is None:
            raise RefusedError(404, f"the cluster knows no {declared.key.kind}")
        query = [("dryRun", "All"), ("fieldManager", FIELD_MANAGER)]
        body = changes.patch(live, plain(declared.manifest))
        return self._request("PATCH", path, query, body, "application/strategic-merge-patch+json")

    def _path(self, declared: Declared) -> str | None:
        """Where the API server keeps it; None when it has no such kind."""
        version = str(declared.manifest["apiVersion"])
        kind = self._kinds_of(version).get(declared.key.kind)
        if kind is None:
            return None
        plural, namespaced = kind
        place = f"namespaces/{declared.key.namespace or 'default'}/" if namespaced else ""
        return f"{_root(version)}/{place}{plural}/{declared.key.name}"

    def _kinds_of(self, version: str) -> Mapping[str, tuple[str, bool]]:
        if version not in self._kinds:
            found = self._found(_root(version)) or {}
            self._kinds[version] = {
                one["kind"]: (one["name"], one["namespaced"])
                for one in found.get("resources", [])
                if "/" not in one["name"]
            }
        return self._kinds[version]

    def _found(self, path: str) -> Manifest | None:
        try:
            return self._request("GET", path)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _request(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Manifest | None = None,
        content_type: str | None = None,
    ) -> Manifest:
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        request = self._client.param_serialize(
            method, path, query_params=query or [], header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            response = self._client.call_api(*request, _request_timeout=_SECONDS)
            content = response.read()
        except (HTTPError, ApiException, OSError) as error:
            raise UnreachableError(f"{self._client.configuration.host}: {error}") from error
        answer: Manifest = _parsed(content)
        if response.status >= 400:
            raise RefusedError(response.status, str(answer.get("message") or content.decode(errors="replace")))
        return answer


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _parsed(content: bytes) -> Manifest:
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
