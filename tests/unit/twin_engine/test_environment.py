"""What the twin's engine sees of the environment it is started in."""

from __future__ import annotations

import pytest

from twin.engine import Run, environment


@pytest.mark.parametrize(
    "name",
    [
        "CLOUDFLARE_API_TOKEN",
        "CF_API_KEY",
        "TAILSCALE_OAUTH_CLIENT_SECRET",
        "TS_AUTHKEY",
        "AWS_PROFILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_SECRET",
        "ARM_CLIENT_SECRET",
        "KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
        "GITHUB_TOKEN",
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_BACKEND_URL",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "PULUMI_STACK",
    ],
)
def test_credentials_and_other_engines_settings_stay_outside(name: str) -> None:
    assert environment({name: "real", "LANG": "C.UTF-8"}, {}) == {"LANG": "C.UTF-8"}


def test_the_twin_s_own_settings_win() -> None:
    assert environment({"PATH": "/bin", "KUBECONFIG": "real"}, {"PATH": "/twin", "KUBECONFIG": "twin"}) == {
        "PATH": "/twin",
        "KUBECONFIG": "twin",
    }


@pytest.mark.parametrize(
    ("changes", "changed"),
    [({"same": 5}, 0), ({"same": 5, "read": 1}, 0), ({"create": 2, "same": 1, "replace": 1}, 3), ({}, 0)],
)
def test_a_run_counts_what_it_changed(changes: dict[str, int], changed: int) -> None:
    assert Run(changes=changes).changed == changed
