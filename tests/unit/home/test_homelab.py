"""What the owner says of the home is what Pulumi.homelab.yaml says."""

from __future__ import annotations

import pytest

import home
from tests.homes import GOOD

HERE = home.load_file(GOOD["homelab"])


@pytest.mark.parametrize(
    ("name", "role", "state", "arch", "cpus", "memory", "version"),
    [
        ("k3s-master", "server", "ready", "amd64", 12, 32, "v1.33.6+k3s1"),
        ("k3s-gpu", "agent", "ready", "amd64", 16, 16, "v1.34.3+k3s1"),
        ("k3s-worker", "agent", "unknown", "arm64", 4, 8, "v1.34.3+k3s1"),
    ],
)
def test_the_three_nodes(name: str, role: str, state: str, arch: str, cpus: int, memory: int, version: str) -> None:
    node = HERE.node(name)
    assert (node.role, node.state, node.arch, node.cpus, node.version) == (role, state, arch, cpus, version)
    assert node.memory_bytes == memory * 2**30


def test_figures_that_nobody_has_measured_are_marked() -> None:
    assert {node.name: node.assumed for node in HERE.nodes} == {
        "k3s-master": (),
        "k3s-gpu": ("memory",),
        "k3s-worker": ("cpus", "memory"),
    }
    assert all({"path", "capacity", "owner"} <= set(share.assumed) for share in HERE.shares)


def test_one_card_is_cut_in_four_and_the_other_shared_without_limits() -> None:
    master, gpu = HERE.gpu_nodes
    assert master.gpu
    assert gpu.gpu
    assert (master.gpu.vram, master.gpu.slices, master.gpu.sharing.mode) == ("4Gi", 4, "time-slicing")
    assert (gpu.gpu.vram, gpu.gpu.slices, gpu.gpu.sharing.mode) == ("8Gi", 0, "unlimited")


def test_three_of_the_four_slices_are_taken() -> None:
    taken = {
        f"{name}.{place}": share.slices
        for name, app in HERE.apps_on("k3s-master").items()
        for place, share in app.gpu_shares.items()
    }
    assert taken == {"immich.gpu": 1, "immich.machineLearning.gpu": 1, "jellyfin.gpu": 1}


def test_transcoding_runs_three_workers_on_the_unlimited_card() -> None:
    transcode = HERE.apps.transcode
    assert transcode
    assert transcode.gpu
    assert (transcode.node, transcode.gpu.slices, transcode.gpu.processes) == ("k3s-gpu", 0, 3)
    assert HERE.share(transcode.share).protocol == "nfs"


def test_the_networks_and_addresses() -> None:
    isp, lan = HERE.networks
    assert (isp.cidr, isp.gateway) == ("192.168.1.0/24", "192.168.1.1")
    assert (lan.cidr, lan.gateway, lan.address) == ("192.168.0.0/24", "192.168.0.1", "192.168.1.10")
    master, nas = HERE.node("k3s-master").addresses, HERE.nas
    assert (master.lan, master.tailnet) == ("192.168.0.206", "100.81.236.27")
    assert nas
    assert (nas.addresses.lan, nas.addresses.tailnet) == ("192.168.0.243", "100.77.209.53")
    assert HERE.node("k3s-master").local_storage_bytes == 1_900 * 10**9


def test_the_doors() -> None:
    assert (HERE.domain, HERE.tailnet) == ("kanokgan.com", "dove-komodo.ts.net")
    both, private = ("public", "tailnet"), ("tailnet",)
    assert {name: app.doors for name, app in HERE.apps.by_name.items()} == {
        "immich": both,
        "jellyfin": both,
        "api": both,
        "transcode": private,
        "fileBrowser": private,
        "argocd": private,
        "monitoring": private,
        "ntfy": private,
    }


def test_libraries_are_read_only_smb_and_nothing_needs_the_node_that_is_away() -> None:
    for app in (HERE.apps.immich, HERE.apps.jellyfin):
        assert app
        assert all(
            (HERE.share(name).protocol, HERE.share(name).access) == ("smb", "read-only") for name in app.libraries
        )
    assert HERE.apps_on("k3s-worker") == {}
    assert [node.name for node in HERE.nodes_in_service] == ["k3s-master", "k3s-gpu"]


def test_the_names_at_the_doors() -> None:
    assert {one.app: one.public for one in home.doors.audiences(HERE) if one.public} == {
        "immich": "photos.kanokgan.com",
        "jellyfin": "films.kanokgan.com",
        "api": "brain.kanokgan.com",
    }
    names = {one.tailnet for one in home.doors.audiences(HERE)}
    assert {"photos.dove-komodo.ts.net", "files.dove-komodo.ts.net", "argocd.dove-komodo.ts.net"} <= names


def test_the_owner_alone_comes_in_and_the_address_is_assumed() -> None:
    assert [(person.role, person.assumed) for person in HERE.people] == [("owner", ("email",))]
    assert all(one.people == HERE.people for one in home.doors.audiences(HERE))


def test_cloudflare_asks_who_comes_to_the_api_and_leaves_photos_and_films_to_their_own_logins() -> None:
    assert {one.app: one.asks for one in home.doors.audiences(HERE) if one.public} == {
        "immich": False,
        "jellyfin": False,
        "api": True,
    }


def test_the_secrets_that_it_needs() -> None:
    assert [secret.key for secret in home.secrets.required(HERE)] == [
        "nasPassword",
        "cloudflareApiToken",
        "tailscaleOauthClientId",
        "tailscaleOauthClientSecret",
    ]
