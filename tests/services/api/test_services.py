"""The services that the settings name, put together: each is asked where they say, with the key that lies there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from brain.adapters import Adapter
from brain.services import watched
from brain.settings import Settings
from brain.upstream import UpstreamError
from brain.verdict import Report, Verdict
from demo.immich import Immich
from demo.jellyfin import Jellyfin
from demo.prometheus import Prometheus
from demo.serving import serving
from tests.services.api.misbehaving import answer, certificate, hang, unused_port
from tests.services.api.misbehaving import serving as serving_bytes
from tests.services.api.standins import KEY, Recorded
from tests.services.api.test_official_clients import real_now

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

COMMAND = "the command that sets it"


async def looks(adapters: tuple[Adapter, ...]) -> dict[str, Report]:
    return {one.name: await one.look() for one in adapters}


async def test_what_has_no_address_is_not_watched() -> None:
    assert watched(Settings()) == ((), ())


async def test_a_key_that_is_written_later_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    async with (
        serving(Immich("3.2.4", KEY, real_now).application) as immich,
        serving(Jellyfin("12.1.0", KEY, real_now).application) as jellyfin,
    ):
        settings = Settings.model_validate(
            {
                "immich_url": immich,
                "immich_key_file": tmp_path / "immich",
                "jellyfin_url": jellyfin,
                "jellyfin_key_file": tmp_path / "jellyfin",
                "set_key": {"immich": COMMAND, "jellyfin": COMMAND},
            }
        )
        adapters, clients = watched(settings)
        try:
            before = await looks(adapters)
            for name in ("immich", "jellyfin"):
                (tmp_path / name).write_text(f"{KEY}\n")
            after = await looks(adapters)
        finally:
            await asyncio.gather(*(one.aclose() for one in clients))
    assert {name: one.verdict for name, one in before.items()} == dict.fromkeys(before, Verdict.UNKNOWN)
    assert all(COMMAND in one.reasons[0] for one in before.values())
    assert {name: one.verdict for name, one in after.items()} == dict.fromkeys(after, Verdict.HEALTHY)


async def test_each_service_has_connections_of_its_own_and_only_its_own_key(tmp_path: Path) -> None:
    (tmp_path / "immich").write_text(KEY)
    prometheus = Recorded(Prometheus(real_now).application)
    async with serving(prometheus) as address:
        settings = Settings.model_validate(
            {
                "immich_url": f"http://127.0.0.1:{unused_port()}",
                "immich_key_file": tmp_path / "immich",
                "prometheus_url": address,
                "kubernetes_url": f"https://127.0.0.1:{unused_port()}",
                "kubernetes_key_file": tmp_path / "none",
                "kubernetes_ca_file": tmp_path / "none",
            }
        )
        adapters, clients = watched(settings)
        try:
            found = await looks(adapters)
        finally:
            await asyncio.gather(*(one.aclose() for one in clients))
    assert len(clients) == len(adapters) == 3
    assert {name: one.verdict for name, one in found.items()} == {
        "immich": Verdict.DOWN,
        "kubernetes": Verdict.DOWN,
        "prometheus": Verdict.DEGRADED,
    }
    assert prometheus.requests
    assert not any(KEY in value for one in prometheus.requests for value in one.headers.values())


async def test_an_authority_that_is_mounted_later_is_trusted_without_a_restart(tmp_path: Path) -> None:
    made = certificate(tmp_path, begins=-timedelta(days=1), ends=timedelta(days=1))
    async with serving_bytes(answer({"gitVersion": "v1.33.6+k3s1"}), made.context) as server:
        settings = Settings.model_validate({"kubernetes_url": server.url, "kubernetes_ca_file": tmp_path / "ca.crt"})
        adapters, clients = watched(settings)
        try:
            before = (await looks(adapters))["kubernetes"]
            (tmp_path / "ca.crt").write_bytes(Path(made.ca_file).read_bytes())
            after = (await looks(adapters))["kubernetes"]
        finally:
            await asyncio.gather(*(one.aclose() for one in clients))
    assert (before.verdict, "isn't trusted" in before.reasons[0]) == (Verdict.DOWN, True)
    assert after.facts["version"] == "v1.33.6+k3s1"


async def test_a_search_by_what_is_to_be_seen_has_the_deadline_that_the_settings_say() -> None:
    async with serving_bytes(hang) as server:
        given = {"immich_url": server.url, "call_deadline": 30, "search_deadline": 0.05}
        [photos], [client] = watched(Settings.model_validate(given))
        try:
            search = photos.calls["photos.search"]
            with pytest.raises(UpstreamError, match=r"within 0\.05 s"):
                await search.run(search.arguments.model_validate({"text": "a dog"}))
        finally:
            await client.aclose()
