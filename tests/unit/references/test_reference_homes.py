"""What the program renders fits: in the owner's home, and in homes with other rooms."""

from __future__ import annotations

from typing import Any

import pytest

import references
from home import secrets, versions
from tests.homes import changed, config
from tests.unit.references.rendered import change, homelab, named, objects, steps

SECRETS = {secret.key: "correct horse" for secret in secrets.ALL}


def said(problems: list[references.Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def test_everything_in_the_owners_home_leads_somewhere() -> None:
    assert said(references.problems(homelab())) == []


def over_nfs() -> dict[str, Any]:
    return changed(config("homelab"), [{"path": "nas.shares[1].protocol", "set": "nfs"},
                                       {"path": "nas.shares[1].path", "set": "/volume1/media"}])  # fmt: skip


def exclusive_card() -> dict[str, Any]:
    home = changed(config("homelab"), [{"path": "nodes[0].gpu.sharing", "set": {"mode": "exclusive"}}])
    return changed(home, [{"path": "apps.immich.gpu", "remove": True}, {"path": "apps.jellyfin.gpu", "remove": True}])


def no_gpu_for_faces() -> dict[str, Any]:
    return changed(config("homelab"), [{"path": "apps.immich.machineLearning", "remove": True}])


def without(app: str) -> dict[str, Any]:
    return changed(config("homelab"), [{"path": f"apps.{app}", "remove": True}])


@pytest.mark.parametrize(
    "home",
    [config("small"), over_nfs(), exclusive_card(), no_gpu_for_faces(), without("immich"), without("jellyfin")],
    ids=["small", "over NFS", "a card for one app", "faces on the CPU", "without Immich", "without Jellyfin"],
)
def test_other_homes_fit_as_well(home: dict[str, Any]) -> None:
    home.pop("nasPassword", None)
    assert said(references.problems(objects(home, SECRETS))) == []


NFS = "PersistentVolume nas-media-media"


@pytest.mark.parametrize(
    ("resource", "at", "to", "path"),
    [
        (NFS, "spec.mountOptions[hard]", "soft", "spec.mountOptions[2]"),
        (NFS, "spec.mountOptions[nfsvers]", "nfsvers=3", "spec.mountOptions[1]"),
        (NFS, "spec.csi.volumeAttributes.share", "volume1/media", "spec.csi.volumeAttributes.share"),
        (NFS, "spec.csi.driver", "smb.csi.k8s.io", "spec.csi.nodeStageSecretRef"),
        ("CSIDriver nfs.csi.k8s.io", "spec.fsGroupPolicy", "File", "spec.fsGroupPolicy"),
        ("Deployment media/jellyfin", "spec.template.spec.securityContext.fsGroup", 1000,
         "spec.template.spec.securityContext.fsGroup"),
    ],
)  # fmt: skip
def test_a_wrong_edit_to_a_share_over_nfs_is_caught(resource: str, at: str, to: Any, path: str) -> None:
    rendered = objects(over_nfs(), SECRETS)
    one = named(rendered, resource)
    change(one, steps(one, at), to)
    assert (resource, path) in {(problem.resource, problem.path) for problem in references.problems(rendered)}


def test_every_image_that_the_home_may_run_has_an_entry() -> None:
    listed = {image.repository for image in versions.load().values()}
    assert sorted(listed - {app.image for app in references.load().apps.values()}) == []
