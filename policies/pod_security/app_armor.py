"""AppArmor: the runtime's default profile must not be switched off.

Read from the fields, and from the annotations that came before them.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_appArmorProfile.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.field import Field
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts

_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def _admits(profile: object) -> bool:
    return isinstance(profile, str) and (profile in ("", "runtime/default") or profile.startswith("localhost/"))


def _annotations(pod: Pod) -> Iterator[Field]:
    if pod.annotations.unknown:
        yield pod.annotations
    for key, annotation in pod.annotations.entries():
        if key.startswith(_ANNOTATION):
            # The rest of the key names a container; the path tells no more than what is known of all of them.
            yield Field(f"{pod.annotations.path}[{_ANNOTATION}*]", annotation.value)


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for context in security_contexts(pod):
        profile = context.get("appArmorProfile")
        if profile.absent:
            continue
        yield from must(
            profile.get("type"),
            lambda value: value in ("RuntimeDefault", "Localhost"),
            allowed="`RuntimeDefault`, `Localhost` or no profile at all",
            fix="take the profile out",
            vocabulary=("Unconfined",),
        )
    for annotation in _annotations(pod):
        yield from must(
            annotation,
            _admits,
            allowed="`runtime/default`, `localhost/*` or nothing",
            fix="take the annotation out",
            vocabulary=("unconfined",),
        )


CONTROL = Control("app-armor-profile", "AppArmor", "baseline", _check)
