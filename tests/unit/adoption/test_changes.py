"""What taking an object over changes in it, worked out from plain data."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adoption.changes import changes, patch

Manifest = dict[str, Any]


def owned(manager: str, operation: str, fields: Manifest, **entry: str) -> Manifest:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **entry}


def namespace(labels: dict[str, str], *managed: Manifest, **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "media", "labels": labels, "managedFields": list(managed), **metadata},
    }


def told(live: Manifest, applied: Manifest) -> list[str]:
    return [str(one) for one in changes(live, applied)]


def test_each_change_names_its_field_with_both_values() -> None:
    before = namespace({"kept": "1", "owner": "me", "old": "x"})
    after = namespace({"kept": "1", "owner": "you", "new": "y"})
    assert told(before, after) == [
        '~ metadata.labels.owner: "me" -> "you"',
        '- metadata.labels.old: "x"',
        '+ metadata.labels.new: "y"',
    ]


def test_items_of_a_list_are_told_apart_by_what_names_them_not_by_their_order() -> None:
    def deployment(*containers: Manifest) -> Manifest:
        return {"kind": "Deployment", "metadata": {}, "spec": {"containers": list(containers)}}

    before = deployment({"name": "app", "image": "a:1"}, {"name": "helper", "image": "b:1"})
    after = deployment({"name": "helper", "image": "b:1"}, {"name": "app", "image": "a:2"})
    assert told(before, after) == ['~ spec.containers[app].image: "a:1" -> "a:2"']


def test_what_kubernetes_and_kubectl_note_for_themselves_is_no_change() -> None:
    note = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    before = namespace({}, resourceVersion="1", generation=1, uid="a", annotations=note)
    after = {**namespace({}, owned("x", "Apply", {}), resourceVersion="2"), "status": {"phase": "Active"}}
    assert told(before, after) == []


def test_a_secret_shows_its_keys_and_never_a_value() -> None:
    def secret(data: dict[str, str] | None) -> Manifest:
        return {"kind": "Secret", "metadata": {"name": "s"}, **({} if data is None else {"data": data})}

    lines = told(secret({"password": "b2xk", "extra": "Z29uZQ=="}), secret({"password": "bmV3"}))
    assert lines == ["~ data.password: (secret) -> (secret)", "- data.extra: (secret)"]
    assert told(secret(None), secret({"password": "bmV3"})) == ["+ data: (secret: password)"]


def test_what_kubectl_has_set_and_the_program_does_not_declare_goes() -> None:
    fields = {"f:metadata": {"f:labels": {".": {}, "f:owner": {}, "f:name": {}}}}
    live = namespace({"owner": "me", "name": "media"}, owned("kubectl-client-side-apply", "Update", fields))
    body = patch(live, namespace({"name": "media"}))
    assert body["metadata"]["labels"] == {"name": "media", "owner": None}


def test_what_somebody_else_has_set_stays() -> None:
    fields = {"f:metadata": {"f:labels": {"f:owner": {}}}}
    for manager, operation in (("helm", "Update"), ("argocd", "Apply"), ("kubectl-label", "Patch")):
        live = namespace({"owner": "me"}, owned(manager, operation, fields))
        assert patch(live, namespace({}))["metadata"]["labels"] == {}


def test_what_two_have_set_stays() -> None:
    fields = {"f:metadata": {"f:labels": {"f:owner": {}}}}
    live = namespace({"owner": "me"}, owned("kubectl", "Apply", fields), owned("helm", "Update", fields))
    assert patch(live, namespace({}))["metadata"]["labels"] == {}


def test_a_whole_item_goes_by_its_keys() -> None:
    def service(*ports: Manifest, **metadata: Any) -> Manifest:
        return {"kind": "Service", "metadata": metadata, "spec": {"ports": list(ports)}}

    key = json.dumps({"port": 80, "protocol": "TCP"})
    fields = {"f:spec": {"f:ports": {".": {}, f"k:{key}": {".": {}, "f:port": {}, "f:name": {}}}}}
    live = service({"port": 80, "protocol": "TCP", "name": "http"}, managedFields=[owned("kubectl", "Update", fields)])
    body = patch(live, service({"port": 8096, "name": "http"}))
    assert body["spec"]["ports"] == [
        {"port": 8096, "name": "http"},
        {"port": 80, "protocol": "TCP", "$patch": "delete"},
    ]
    # The default of a key counts as written.
    assert patch(live, service({"port": 80, "name": "http"}))["spec"]["ports"] == [{"port": 80, "name": "http"}]


def test_a_selector_is_set_as_a_whole() -> None:
    live = {"kind": "Service", "metadata": {}, "spec": {"selector": {"app": "x"}}}
    body = patch(live, {"kind": "Service", "metadata": {}, "spec": {"selector": {"name": "y"}}})
    assert body["spec"]["selector"] == {"name": "y", "$patch": "replace"}


LABELS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("1", "2")), max_size=5)


@given(LABELS, LABELS, st.sets(st.sampled_from("abcdef")))
def test_a_patch_gives_what_is_declared_and_what_others_keep(
    there: dict[str, str], declared: dict[str, str], by_kubectl: set[str]
) -> None:
    def fields(names: set[str]) -> Manifest:
        return {"f:metadata": {"f:labels": {f"f:{name}": {} for name in names}}}

    mine = set(there) & by_kubectl
    live = namespace(
        there, owned("kubectl-create", "Update", fields(mine)), owned("other", "Update", fields(set(there) - mine))
    )
    merged = {**there, **patch(live, namespace(declared))["metadata"]["labels"]}
    kept = {name: value for name, value in there.items() if name not in mine}
    assert {name: value for name, value in merged.items() if value is not None} == {**kept, **declared}
