"""Data: what holds some is protected from deletion, and kept when it leaves the stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import ResourceCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import TEXT, Shape, cut

PROTECTED: Final = Rule(
    "data-protected",
    "Namespaces, volumes, and claims that hold data are protected from deletion",
    Severity.CRITICAL,
    "https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
)

_SHAPE: Shape = {
    "spec": {
        "persistentVolumeReclaimPolicy": TEXT,
        "storageClassName": TEXT,
        "volumeClaimTemplates": [{"spec": {"storageClassName": TEXT}}],
    }
}
_KINDS = frozenset(("Namespace", "PersistentVolume", "PersistentVolumeClaim"))


def unprotected(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """What a slip of the hand could delete.

    A claim on a disposable storage class holds nothing that matters. Claims that a StatefulSet makes of a template are
    none of Pulumi's resources, so nothing can protect them.
    """
    whole, misshapen = cut(resource.props, _SHAPE)
    yield from misshapen
    spec = Field("", whole).get("spec")
    if resource.kind == "StatefulSet":
        for template in spec.get("volumeClaimTemplates").items():
            for fault in _of_class(template.get("spec", "storageClassName"), parameters):
                yield (
                    Fault(
                        template.path, "a claim that can't be protected", "no template", "declare the claim by itself"
                    )
                    if not fault.undecided
                    else fault
                )
        return
    if resource.kind == "PersistentVolume":
        yield from must(
            spec.get("persistentVolumeReclaimPolicy"),
            lambda value: value in (None, "Retain"),
            allowed="`Retain`",
            fix="set it to Retain, so that the data outlives its claim",
            vocabulary=("Delete", "Recycle"),
        )
    if resource.protected:
        return
    unprotected = Fault(
        "its option `protect`", "false", "true", "set protect=True, and retain_on_delete=True, in its ResourceOptions"
    )
    if resource.kind == "PersistentVolumeClaim":
        for fault in _of_class(spec.get("storageClassName"), parameters):
            yield fault if fault.undecided else unprotected
    else:
        yield unprotected


def _of_class(storage_class: Field, parameters: Parameters) -> Iterator[Fault]:
    return must(
        storage_class, lambda value: value in parameters.disposable_storage_classes, allowed="", fix="", found=""
    )


def _holds_data(resource: Resource) -> bool:
    return (resource.group == "core" and resource.kind in _KINDS) or (
        resource.group == "apps" and resource.kind == "StatefulSet"
    )


CHECKS: Final = (ResourceCheck(PROTECTED, _holds_data, unprotected),)
