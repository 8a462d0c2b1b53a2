"""Secrets: they are in Secrets, and nowhere else.

Whatever a pod's spec, an annotation or a ConfigMap holds can be read by everybody who may look at the cluster. Since
the policy SDK takes secrets out of their wrappers, a secret is known here by its name, or by the form of credentials
that issuers give a form of their own. What is found is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.check import PodCheck, ResourceCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import ANY, TEXT, Shape, cut
from policies.workloads import Workload

ONLY_IN_SECRETS: Final = Rule(
    "secrets-in-secrets",
    "Secrets are in Secrets, and neither in a pod's spec nor in a ConfigMap",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/concepts/security/secrets-good-practices/",
)

# A variable that ends in these names a place, a switch or a length rather than the secret itself.
_ABOUT = (
    r"(_FILE|_KUBE_SECRET|_PATH|_DIR|_NAME|_SECRET_NAME|_URL|_TTL|_LENGTH|_EXPIRY|_EXPIRATION_HOURS|_LIMIT|_COUNT"
    r"|_ENABLED)$"
)
_NAME: Final = re.compile(
    r"(^|[_.-])(password|passwd|passphrase|pwd|secret|token|apikey|api[_-]?key|auth[_-]?key|private[_-]?key|credentials?)"
    r"([_.-]|$)",
    re.IGNORECASE,
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_ITSELF: Final = re.compile(_ABOUT, re.IGNORECASE)
_FORM: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\btskey-[a-z]+-[A-Za-z0-9]+"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/:@$({]+@"
)
"""Private keys, keys of Tailscale, GitHub and AWS, JSON web tokens, and URLs that hold a password."""

_CONFIG_MAP: Shape = {"data": {ANY: TEXT}}
_FIX = "put it into a Secret and refer to that, best as a file"


def in_pod(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Environment variables, arguments, commands and annotations with a secret in clear."""
    pod = workload.pod
    for container in pod.containers():
        for variable in container.get("env").items():
            if _is_name_of_a_secret(variable.get("name").value):
                yield from must(
                    variable.get("value"),
                    lambda value: not value or str(value).startswith("file:/"),
                    allowed="a valueFrom with a secretKeyRef",
                    fix=_FIX,
                    found="in clear",
                )
            else:
                yield from _formed(variable.get("value"))
        for part in ("command", "args"):
            for word in container.get(part).items():
                yield from _formed(word)
    for _, value in pod.annotations.entries():
        # The keys of a free mapping may be as secret as its values.
        yield from _formed(Field(f"{pod.annotations.path}[*]", value.value))


def in_config_map(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """Entries of a ConfigMap that are named like a secret, or have the form of one."""
    whole, misshapen = cut(resource.props, _CONFIG_MAP)
    yield from misshapen
    data = Field("", whole).get("data")
    if data.unknown:
        yield Fault.unknown(data)
    for key, entry in data.entries():
        place = Field("data[*]", entry.value)
        if _is_name_of_a_secret(key):
            yield from must(place, lambda value: not value, allowed="no secret", fix=_FIX, found="a secret by its name")
        else:
            yield from _formed(place)


def _is_name_of_a_secret(name: object) -> bool:
    if not isinstance(name, str):
        return False
    # `clientSecret` is named like `client_secret`.
    parted = _HUMP.sub("_", name)
    return _NAME.search(parted) is not None and _NOT_ITSELF.search(parted) is None


def _formed(place: Field) -> Iterator[Fault]:
    return must(
        place,
        lambda value: not isinstance(value, str) or _FORM.search(value) is None,
        allowed="no secret",
        fix=_FIX,
        found="a secret by its form",
    )


CHECKS: Final = (
    PodCheck(ONLY_IN_SECRETS, in_pod),
    ResourceCheck(ONLY_IN_SECRETS, lambda one: one.group == "core" and one.kind == "ConfigMap", in_config_map),
)
