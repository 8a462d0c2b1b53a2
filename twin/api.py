"""A small client of the twin's API server: plain dicts in and out, nothing cached, quick to import.

The Python client of Kubernetes costs half a second of imports, and every command of the twin would pay it.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import yaml

Manifest = dict[str, Any]
Manifests = list[Manifest]

# Owner of the fields that the twin sets by server-side apply.
FIELD_MANAGER = "homebrain-twin"

_APPLY = "application/apply-patch+yaml"
_STRATEGIC_MERGE = "application/strategic-merge-patch+json"


class Kind(NamedTuple):
    """Where the API server keeps objects of one kind."""

    version: str
    plural: str
    namespaced: bool = True


KINDS: Mapping[str, Kind] = {
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "Node": Kind("v1", "nodes", namespaced=False),
    "Pod": Kind("v1", "pods"),
    "Service": Kind("v1", "services"),
    "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices"),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "ConfigMap": Kind("v1", "configmaps"),
    "Secret": Kind("v1", "secrets"),
    "Event": Kind("v1", "events"),
    "PersistentVolume": Kind("v1", "persistentvolumes", namespaced=False),
    "PersistentVolumeClaim": Kind("v1", "persistentvolumeclaims"),
    "Deployment": Kind("apps/v1", "deployments"),
    "ReplicaSet": Kind("apps/v1", "replicasets"),
    "StatefulSet": Kind("apps/v1", "statefulsets"),
    "DaemonSet": Kind("apps/v1", "daemonsets"),
    "Job": Kind("batch/v1", "jobs"),
    "CronJob": Kind("batch/v1", "cronjobs"),
    "StorageClass": Kind("storage.k8s.io/v1", "storageclasses", namespaced=False),
    "CSIDriver": Kind("storage.k8s.io/v1", "csidrivers", namespaced=False),
    "CSINode": Kind("storage.k8s.io/v1", "csinodes", namespaced=False),
    "RuntimeClass": Kind("node.k8s.io/v1", "runtimeclasses", namespaced=False),
    "ClusterRole": Kind("rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False),
    "Lease": Kind("coordination.k8s.io/v1", "leases"),
}


class ApiError(Exception):
    """The API server refused a request: its HTTP status, and its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class UnreachableError(Exception):
    """Nobody answered at the API server's port, or not as the API server of this twin would."""


class Api:
    """Requests to the API server that a kubeconfig names. Several threads may use it, each on its own connection."""

    def __init__(self, kubeconfig: Path, timeout: float = 10.0) -> None:
        """`timeout` in seconds, for each request."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self._token = user["token"]
        self._timeout = timeout
        self._local = threading.local()

    def ready(self) -> bool:
        """Whether the API server has finished starting."""
        return self._succeeds("/readyz")

    def answers(self) -> bool:
        """Whether the API server serves those whom it need not ask for rights, as it does a while before it is
        ready."""
        hooks = ("rbac/bootstrap-roles", "scheduling/bootstrap-system-priority-classes")
        return self._succeeds("/readyz?" + urlencode([("exclude", f"poststarthook/{hook}") for hook in hooks]))

    def list(self, kind: str, namespace: str | None = None, **query: str) -> Manifests:
        """The objects of a kind, with `apiVersion` and `kind` as if each had been read alone."""
        return self.list_versioned(kind, namespace, **query)[0]

    def list_versioned(self, kind: str, namespace: str | None = None, **query: str) -> tuple[Manifests, str]:
        """The same, with the version from which a watch goes on."""
        answer = self.request("GET", path_of(kind, namespace=namespace), query=query)
        items = [{"apiVersion": KINDS[kind].version, "kind": kind, **item} for item in answer["items"] or []]
        return items, answer["metadata"]["resourceVersion"]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """One object, or None when it doesn't exist."""
        try:
            return self.request("GET", path_of(kind, name, namespace))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object; `ApiError` 409 when it exists."""
        return self.request(
            "POST", path_of(manifest["kind"], namespace=manifest["metadata"].get("namespace")), manifest
        )

    def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Make an object have these fields (server-side apply); what others set stays."""
        metadata = manifest["metadata"]
        path = path_of(manifest["kind"], metadata["name"], metadata.get("namespace"), subresource)
        return self.request("PATCH", path, manifest, _APPLY, {"fieldManager": FIELD_MANAGER, "force": "true"})

    def patch(self, target: Manifest, change: Manifest, subresource: str = "") -> Manifest:
        """Change fields of an existing object (strategic merge patch)."""
        metadata = target["metadata"]
        path = path_of(target["kind"], metadata["name"], metadata.get("namespace"), subresource)
        return self.request("PATCH", path, change, _STRATEGIC_MERGE, {"fieldManager": FIELD_MANAGER})

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object; nothing happens when it doesn't exist."""
        try:
            self.request("DELETE", path_of(kind, name, namespace))
        except ApiError as error:
            if error.status != 404:
                raise

    def watch(self, kind: str, version: str, seconds: int) -> Iterator[tuple[str, Manifest]]:
        """Changes after `version`, as they come, for `seconds`: ADDED, MODIFIED, DELETED or BOOKMARK, and what."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(seconds), "allowWatchBookmarks": "1"}
        # On a connection of its own: it is busy for as long as the watch goes on.
        connection = self._connect(timeout=seconds + self._timeout)
        try:
            response = _ask(connection, "GET", f"{path_of(kind)}?{urlencode(query)}", None, self._headers())
            if response.status != 200:
                raise _error(response.status, response.read())
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                yield event["type"], {"apiVersion": KINDS[kind].version, "kind": kind, **event["object"]}
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(str(error)) from error
        finally:
            connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Manifest:
        """One request, its answer parsed. `ApiError` when it is refused, `UnreachableError` when nobody answers."""
        target = f"{path}?{urlencode(query)}" if query else path
        answer: Manifest = json.loads(self._send(method, target, body, content_type))
        return answer

    def _succeeds(self, target: str) -> bool:
        try:
            self._send("GET", target)
        except (ApiError, UnreachableError):
            return False
        return True

    def _send(
        self, method: str, target: str, body: Manifest | None = None, content_type: str = "application/json"
    ) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers() | ({} if body is None else {"Content-Type": content_type})
        for attempt in (1, 2):
            connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
            fresh = connection is None
            if connection is None:
                connection = self._local.connection = self._connect(self._timeout)
            try:
                response = _ask(connection, method, target, data, headers)
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                # A connection kept from an earlier request may have died with the API server of that time.
                if fresh or attempt == 2:
                    raise UnreachableError(str(error)) from error
                continue
            if response.status >= 400:
                raise _error(response.status, content)
            return content
        raise AssertionError("unreachable")

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        assert self._address.hostname
        return http.client.HTTPSConnection(
            self._address.hostname, self._address.port, timeout=timeout, context=self._tls
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}


def path_of(kind: str, name: str = "", namespace: str | None = None, subresource: str = "") -> str:
    """The path of an object at the API server; without `name`, of all of its kind (in `namespace`)."""
    where = KINDS[kind]
    parts = ["api" if "/" not in where.version else "apis", where.version]
    if where.namespaced and namespace:
        parts += ["namespaces", namespace]
    return "/" + "/".join([*parts, where.plural, *filter(None, (name, subresource))])


def _ask(
    connection: http.client.HTTPSConnection, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    connection.request(method, target, body=data, headers=dict(headers))
    return connection.getresponse()


def _error(status: int, content: bytes) -> ApiError:
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        message = content.decode(errors="replace").strip()
    return ApiError(status, message)
