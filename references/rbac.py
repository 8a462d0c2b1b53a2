"""Who may do what: roles that bindings name, and the accounts that they name them for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from references.objects import Objects, kind_of, name_of, namespace_of
from references.place import Place, Problem
from references.provided import Provided

# By plural, the kinds that exist because somebody declares them.
NAMED: Final = {"secrets": "Secret", "configmaps": "ConfigMap"}


def check(objects: Objects, provided: Provided) -> Iterator[Problem]:
    """Every binding names a role and accounts that are there, and pods of a bound account get its token."""
    bound: set[tuple[str, str]] = set()
    used: set[tuple[str, str, str]] = set()
    for binding in objects.of("RoleBinding", "ClusterRoleBinding"):
        namespace = namespace_of(binding)
        role = binding.get("roleRef")
        kind = role.get("kind")
        used.add((kind.text, namespace if kind.value == "Role" else "", role.get("name").text))
        if kind.value == "ClusterRole":
            there = [*objects.names("ClusterRole"), *provided.cluster_roles]
        else:
            there = objects.names("Role", namespace)
        if kind.value not in ("Role", "ClusterRole"):
            yield kind.unresolved("kind of role", ("Role", "ClusterRole"))
        elif role.get("name").value not in there:
            yield role.get("name").unresolved(kind.text, there)
        for subject in binding.get("subjects").items():
            if subject.get("kind").value not in ("ServiceAccount", "Group", "User"):
                yield subject.get("kind").unresolved("kind of subject", ("ServiceAccount", "Group", "User"))
            if subject.get("kind").value != "ServiceAccount":
                continue
            where = subject.get("namespace").text or namespace
            there = [*objects.names("ServiceAccount", where), *provided.service_accounts]
            bound.add((where, subject.get("name").text))
            if where not in [*objects.names("Namespace"), *provided.namespaces]:
                yield subject.get("namespace").unresolved("Namespace", objects.names("Namespace"))
            elif subject.get("name").value not in there:
                yield subject.get("name").unresolved(f"ServiceAccount in namespace {where}", there)
    for one in objects.of("Role"):
        yield from _named(one, objects)
    for one in objects.of("Role", "ClusterRole"):
        where = namespace_of(one) if kind_of(one) == "Role" else ""
        # What is aggregated into another role, or made of others, is bound through that.
        aggregated = any("aggregate-to-" in label for label, _ in one.get("metadata", "labels").entries())
        if (kind_of(one), where, name_of(one)) not in used and not aggregated:
            yield one.get("metadata", "name").should("a role that some binding names, and none names this one")
    for pods in objects.pods:
        token = pods.spec.get("automountServiceAccountToken")
        if (pods.namespace, pods.spec.get("serviceAccountName").text) in bound and token.value is False:
            yield token.should("true, since a role is bound to its account and takes effect through the token")


def _named(role: Place, objects: Objects) -> Iterator[Problem]:
    """Objects that a role names one by one, and that aren't there."""
    namespace = namespace_of(role)
    for rule in role.get("rules").items():
        kinds = [NAMED[one] for one in rule.get("resources").value or () if one in NAMED]
        there = [name for kind in kinds for name in objects.names(kind, namespace)]
        for name in rule.get("resourceNames").items():
            if kinds and name.value not in there:
                yield name.unresolved(f"{' or '.join(kinds)} in namespace {namespace}", there)
