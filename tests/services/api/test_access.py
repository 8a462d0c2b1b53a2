"""Who is let in: nobody but those who are known, however they pretend to be."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from brain import logs
from brain.access.bearer import Bearer, Token
from brain.access.cloudflare import ASK_AGAIN_AFTER, GOOD_FOR, HEADER, Access, Keys
from brain.access.guard import SECURITY_HEADERS
from brain.access.identity import Identity, RefusedError, Roles
from brain.access.limits import REMEMBERED, Buckets
from brain.access.proxies import ASK_AGAIN_AFTER as ASK_FOR_PODS_AFTER
from brain.access.proxies import FRESH_FOR, ProxyPods
from brain.access.proxies import GOOD_FOR as PODS_GOOD_FOR
from brain.access.tailscale import Tailnet
from brain.app import TOLD_EVERY, create_app
from brain.logs import JsonFormatter
from brain.upstream import Upstream, connect
from tests.services.api import misbehaving
from tests.services.api.fakes import PROXY, TOKEN, application, as_, client, program, settings
from tests.services.api.misbehaving import Server, answer, serving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

TEAM = "https://team.cloudflareaccess.com"
TAG = "0123456789abcdef"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ROLES = Roles({"ann@example.org": "owner", "client-id.access": "program"})


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def published(**keys: rsa.RSAPrivateKey) -> dict[str, Any]:
    """What the team's address answers."""
    told = []
    for name, key in keys.items():
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        told.append(jwk | {"kid": name, "alg": "RS256", "use": "sig", "key_ops": None})
    return {"keys": [{k: v for k, v in one.items() if v is not None} for one in told], "public_cert": {"kid": "k1"}}


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    told = {
        "aud": [TAG],
        "email": "ann@example.org",
        "iss": TEAM,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(hours=1),
        "type": "app",
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def token(key: rsa.RSAPrivateKey = KEY, kid: str | None = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="RS256", headers={"kid": kid} if kid else {})


def part(data: Any) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps(data, default=lambda one: int(one.timestamp())).encode())
        .decode()
        .strip("=")
    )


def unsigned(alg: str) -> str:
    return f"{part({'alg': alg, 'kid': 'k1', 'typ': 'JWT'})}.{part(claims())}."


def signed_with_the_public_key() -> str:
    """The old trick: what is public, taken as the secret of a symmetric signature."""
    head = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{part(claims())}"
    signature = hmac.new(public_pem(KEY), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).decode().strip('=')}"


def tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(email='somebody@example.org'))}.{signature}"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def access(server: Server, clock: Clock | None = None) -> AsyncIterator[Access]:
    async with connect() as asking:
        upstream = Upstream("Cloudflare", server.url, client=asking, deadline=1.0, attempts=1)
        keys = Keys(upstream, clock or Clock())
        yield Access(TEAM, [TAG], keys, ROLES)
        await keys.close()


async def refusal(known: Access, sent: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await known.identify(sent)
    assert not sent or sent not in caught.value.words
    return caught.value


# Cloudflare Access.


async def test_a_persons_token_tells_who_they_are() -> None:
    async with serving(answer(published(k1=KEY))) as server, access(server) as known:
        assert await known.identify(token()) == Identity("ann@example.org", "owner", "access")
        assert server.requests[0].startswith(b"GET /cdn-cgi/access/certs ")
        await known.identify(token())
        assert len(server.requests) == 1


async def test_a_programs_token_tells_its_client_id() -> None:
    async with serving(answer(published(k1=KEY))) as server, access(server) as known:
        sent = token(email=None, common_name="client-id.access", sub="")
        assert await known.identify(sent) == Identity("client-id.access", "program", "access")


AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
BAD = {
    "of another key": token(OTHER_KEY),
    "of a key that nobody knows": token(kid="k9"),
    "of no key": token(kid=None),
    "unsigned": unsigned("none"),
    "unsigned, spelt otherwise": unsigned("NonE"),
    "signed with the public key": signed_with_the_public_key(),
    "tampered with": tampered(),
    "expired": token(exp=AN_HOUR_AGO),
    "without an end": token(exp=None),
    "not valid yet": token(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "for another application": token(aud=["another"]),
    "for no application": token(aud=None),
    "of another team": token(iss="https://other.cloudflareaccess.com"),
    "of a team whose name begins alike": token(iss=f"{TEAM}.example.org"),
    "of nobody": token(iss=None),
    "about nobody": token(email=None),
    "about nothing that is a name": token(email=["ann@example.org"]),
    "about somebody with line breaks": token(email="ann@example.org\nX: y"),
    "no token": "nothing",
    "empty": "",
    "far too long": "a" * 20_000,
    "with another signature's algorithm": jwt.encode(claims(), KEY, algorithm="RS512", headers={"kid": "k1"}),
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
async def test_a_token_that_is_not_good_is_refused(sent: str) -> None:
    async with serving(answer(published(k1=KEY))) as server, access(server) as known:
        assert (await refusal(known, sent)).status == 401


async def test_somebody_without_a_role_is_known_and_refused() -> None:
    async with serving(answer(published(k1=KEY))) as server, access(server) as known:
        assert (await refusal(known, token(email="stranger@example.org"))).status == 403


async def test_a_key_that_is_new_is_asked_for_once_a_minute() -> None:
    clock = Clock()
    async with serving(answer(published(k1=KEY))) as server, access(server, clock) as known:
        await known.identify(token())
        server.reply = answer(published(k1=KEY, k2=OTHER_KEY))
        clock.now += ASK_AGAIN_AFTER
        assert (await known.identify(token(OTHER_KEY, "k2"))).who == "ann@example.org"
        for number in range(20):
            await refusal(known, token(OTHER_KEY, f"made-up-{number}"))
        assert len(server.requests) == 2
        clock.now += ASK_AGAIN_AFTER
        await refusal(known, token(OTHER_KEY, "made-up"))
        assert len(server.requests) == 3


async def test_all_who_come_with_a_new_key_wait_for_it_together() -> None:
    clock = Clock()
    async with serving(answer(published(k1=KEY))) as server, access(server, clock) as known:
        await known.identify(token())
        server.reply = answer(published(k2=OTHER_KEY))
        clock.now += ASK_AGAIN_AFTER
        found = await asyncio.gather(*(known.identify(token(OTHER_KEY, "k2")) for _ in range(20)))
        assert {one.who for one in found} == {"ann@example.org"}
        assert len(server.requests) == 2
        assert (await refusal(known, token())).status == 401


async def test_old_keys_serve_while_no_new_ones_can_be_had_but_not_for_ever() -> None:
    clock = Clock()
    async with serving(answer(published(k1=KEY))) as server, access(server, clock) as known:
        await known.identify(token())
        server.reply = answer(status=500)
        clock.now = GOOD_FOR - 1
        assert (await known.identify(token())).who == "ann@example.org"
        clock.now = GOOD_FOR + 1
        assert (await refusal(known, token())).status == 503


@pytest.mark.parametrize(
    "reply",
    [answer(status=500), misbehaving.html(), misbehaving.closed, answer([]), answer({"keys": [{"kty": "RSA"}]})],
)
async def test_without_any_key_nobody_is_let_in(reply: misbehaving.Reply) -> None:
    async with serving(reply) as server, access(server) as known:
        refused = await refusal(known, token())
        assert refused.status in (401, 503)


async def test_keys_of_other_kinds_are_left_out() -> None:
    keys = published(k1=KEY)
    octets = {"kty": "oct", "kid": "k2", "k": base64.urlsafe_b64encode(b"secret" * 8).decode(), "alg": "HS256"}
    keys["keys"] += [octets, {"kty": "RSA", "kid": "k3", "n": "!"}, {"kty": "RSA", "kid": 4}, {"kid": "k5"}]
    async with serving(answer(keys)) as server, access(server) as known:
        assert (await known.identify(token())).who == "ann@example.org"
        forged = jwt.encode(claims(), b"secret" * 8, algorithm="HS256", headers={"kid": "k2"})
        assert (await refusal(known, forged)).status == 401


# The tailnet.


def headers(**values: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in values.items()})


def tailnet(*networks: str) -> Tailnet:
    return Tailnet(settings_networks(*networks), ROLES)


def settings_networks(*networks: str) -> Any:
    return tuple(map(ip_network, networks))


async def test_the_proxys_headers_tell_who_somebody_is() -> None:
    known = tailnet("100.64.0.7/32", "fd7a::/64")
    for address in ("100.64.0.7", "::ffff:100.64.0.7", "fd7a::1"):
        assert await known.identify(headers(tailscale_user_login="Ann@Example.org"), address) == Identity(
            "Ann@Example.org", "owner", "tailnet"
        )


@pytest.mark.parametrize("address", ["100.64.0.8", "127.0.0.1", "", "testclient", "fd7b::1", "100.64.0.7.example.org"])
async def test_the_same_headers_from_elsewhere_are_nobodys(address: str) -> None:
    known = tailnet("100.64.0.7/32", "fd7a::/64")
    with pytest.raises(RefusedError, match="isn't believed") as caught:
        await known.identify(headers(tailscale_user_login="ann@example.org"), address)
    assert caught.value.status == 401
    assert await known.identify(headers(), address) is None


async def test_a_name_that_is_not_ascii_is_decoded() -> None:
    known = Tailnet(settings_networks("100.64.0.7/32"), Roles({}, "guest"))
    found = await known.identify(headers(tailscale_user_login="=?utf-8?q?j=C3=BCrgen=40example.org?="), "100.64.0.7")
    assert found == Identity("jürgen@example.org", "guest", "tailnet")


async def test_two_names_at_once_are_refused() -> None:
    raw = Headers(raw=[(b"tailscale-user-login", b"ann@example.org"), (b"tailscale-user-login", b"ben@example.org")])
    with pytest.raises(RefusedError, match="more than once"):
        await tailnet("100.64.0.7/32").identify(raw, "100.64.0.7")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
async def test_no_name_breaks_the_tailnets_identity(login: str) -> None:
    known = Tailnet(settings_networks("100.64.0.7/32"), Roles({}, "guest"))
    raw = Headers(raw=[(b"tailscale-user-login", login.encode("latin-1"))])
    # What can't be read is refused, and nothing else is raised.
    with suppress(RefusedError):
        found = await known.identify(raw, "100.64.0.7")
        assert found is None or found.who.isprintable()


# The tailnet's proxy, as the cluster knows it.

PODS = "/api/v1/namespaces/tailnet/pods?labelSelector=app.kubernetes.io%2Fname%3Dproxy-api "
POD, BRIDGE = "10.42.1.7", "10.42.1.1"
CLAIM = headers(tailscale_user_login="ann@example.org")


def pod(*addresses: str, phase: str = "Running", host_network: bool = False) -> dict[str, Any]:
    """A pod, as the API server lists it."""
    told = {"phase": phase, "podIP": addresses[0], "podIPs": [{"ip": one} for one in addresses]}
    return {"metadata": {"name": "proxy"}, "spec": {"hostNetwork": host_network, "containers": []}, "status": told}


def listed(*pods: dict[str, Any]) -> misbehaving.Reply:
    return answer({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods})


@asynccontextmanager
async def cluster(server: Server, clock: Clock | None = None, deadline: float = 1.0) -> AsyncIterator[Tailnet]:
    async with connect() as asking:
        upstream = Upstream("Kubernetes", server.url, client=asking, deadline=deadline, attempts=1)
        pods = ProxyPods(upstream, "tailnet", "proxy-api", clock or Clock())
        yield Tailnet(settings_networks("10.42.0.0/16", "fd00:42::/56"), ROLES, pods)
        await pods.close()


async def not_believed(known: Tailnet, address: str) -> int:
    with pytest.raises(RefusedError) as caught:
        await known.identify(CLAIM, address)
    return caught.value.status


async def test_only_the_pods_that_the_cluster_knows_are_the_proxy() -> None:
    async with serving(listed(pod(POD, "fd00:42::7"))) as server, cluster(server) as known:
        for address in (POD, f"::ffff:{POD}", "fd00:42::7"):
            found = await known.identify(CLAIM, address)
            assert found
            assert found.who == "ann@example.org"
        assert await not_believed(known, BRIDGE) == 401
        assert server.requests[0].startswith(f"GET {PODS}".encode())


async def test_whoever_comes_from_outside_the_networks_is_not_asked_for() -> None:
    async with serving(listed(pod("192.0.2.7"))) as server, cluster(server) as known:
        assert await not_believed(known, "192.0.2.7") == 401
        assert server.requests == []


@pytest.mark.parametrize(
    "other",
    [pod(POD, phase="Succeeded"), pod(POD, phase="Failed"), pod(POD, phase="Pending"), pod(POD, host_network=True)],
    ids=["ended", "failed", "not there yet", "with its node's address"],
)
async def test_a_pod_that_does_not_run_or_has_no_address_of_its_own_is_no_proxy(other: dict[str, Any]) -> None:
    async with serving(listed(pod("10.42.9.9"), other)) as server, cluster(server) as known:
        assert await not_believed(known, POD) == 401


async def test_the_cluster_is_asked_once_in_ten_seconds() -> None:
    clock = Clock()
    async with serving(listed(pod(POD))) as server, cluster(server, clock) as known:
        await asyncio.gather(*(known.identify(CLAIM, POD) for _ in range(20)))
        clock.now += FRESH_FOR
        await known.identify(CLAIM, POD)
        assert len(server.requests) == 1
        clock.now += 1
        await known.identify(CLAIM, POD)
        assert len(server.requests) == 2


async def test_an_address_that_was_the_proxys_is_believed_no_more_once_it_can_be_another_pods() -> None:
    clock = Clock()
    async with serving(listed(pod(POD))) as server, cluster(server, clock) as known:
        await known.identify(CLAIM, POD)
        server.reply = listed(pod("10.42.2.2"))
        clock.now += FRESH_FOR + 1
        assert await not_believed(known, POD) == 401


async def test_a_proxy_that_has_just_moved_is_found_and_a_crowd_of_pretenders_asks_once_in_two_seconds() -> None:
    clock = Clock()
    async with serving(listed(pod(POD))) as server, cluster(server, clock) as known:
        await known.identify(CLAIM, POD)
        server.reply = listed(pod("10.42.2.2"))
        clock.now += ASK_FOR_PODS_AFTER + 0.1
        assert await known.identify(CLAIM, "10.42.2.2")
        assert len(server.requests) == 2
        for _ in range(20):
            assert await not_believed(known, BRIDGE) == 401
        assert len(server.requests) == 2
        clock.now += ASK_FOR_PODS_AFTER + 0.1
        assert {await not_believed(known, BRIDGE) for _ in range(20)} == {401}
        assert len(server.requests) == 3


@pytest.mark.parametrize("reply", [answer(status=500), answer(status=403), misbehaving.closed, misbehaving.html()])
async def test_people_still_come_in_while_the_cluster_does_not_answer_but_nobody_new(reply: misbehaving.Reply) -> None:
    clock = Clock()
    async with serving(listed(pod(POD))) as server, cluster(server, clock) as known:
        await known.identify(CLAIM, POD)
        server.reply = reply
        clock.now = PODS_GOOD_FOR - 1
        assert await known.identify(CLAIM, POD)
        assert await not_believed(known, BRIDGE) == 503
        clock.now = PODS_GOOD_FOR + 1
        assert await not_believed(known, POD) == 503


async def test_where_the_proxy_is_can_not_be_known_and_that_is_no_yes() -> None:
    for reply in (answer(status=403), misbehaving.hang, answer([])):
        async with serving(reply) as server, cluster(server, deadline=0.1) as known:
            with pytest.raises(RefusedError, match="can't be verified") as caught:
                await known.identify(CLAIM, POD)
            assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})


async def test_the_service_asks_the_cluster_with_its_own_token_who_the_proxy_is(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token-of-the-service-account")
    async with serving(listed(pod(POD))) as server:
        app = application(
            tmp_path,
            kubernetes_url=server.url,
            kubernetes_key_file=tmp_path / "token",
            kubernetes_ca_file=None,
            tailnet_proxies=("10.42.0.0/16",),
            tailnet_proxy_pods="tailnet/proxy-api",
        )
        said = {"Tailscale-User-Login": "ann@example.org"}
        async with client(app, POD, **said) as ann, client(app, BRIDGE, **said) as pretender:
            assert (await ann.get("/api/v1/services")).status_code == 200
            assert (await pretender.get("/api/v1/services")).status_code == 401
        assert b"authorization: bearer token-of-the-service-account" in server.requests[0].lower()
        async with app.router.lifespan_context(app):
            pass


# Tokens.


@given(st.text(max_size=80))
def test_only_the_very_token_is_anybodys(sent: str) -> None:
    known = Bearer(lambda: {"prometheus": Token(token=TOKEN)})
    assert (known.identify(sent) is not None) == (sent == TOKEN)
    assert known.identify(TOKEN) == Identity("prometheus", "program", "token")


def test_every_token_is_compared_whether_or_not_one_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    compare = hmac.compare_digest

    def counting(left: bytes, right: bytes) -> bool:
        assert len(left) == len(right)
        compared.append(compare(left, right))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", counting)
    known = Bearer(
        lambda: {name: Token(token=one) for name, one in (("a", "x" * 30), ("b", "y" * 30), ("c", "z" * 300))}
    )
    for sent in ("x" * 30, "z" * 300, "", "nobody's"):
        compared.clear()
        known.identify(sent)
        assert len(compared) == 3


def test_a_token_for_something_alone_is_known_by_what_it_is_for() -> None:
    known = Bearer(lambda: {"prometheus": Token(token=TOKEN, only=frozenset({"metrics"}))})
    assert known.identify(TOKEN) == Identity("prometheus", "program", "token", frozenset({"/metrics"}))


async def test_a_token_for_metrics_reads_metrics_and_nothing_else_of_the_home(tmp_path: Path) -> None:
    app = application(tmp_path)
    (tmp_path / "tokens.json").write_text(json.dumps({"prometheus": {"token": TOKEN, "only": ["metrics"]}}))
    paths = {path.replace("{name}", "immich") for path in app.openapi()["paths"]}
    paths |= {"/", "/?q=ann", "/static/style.css", "/api/v1/openapi.json", "/metrics/", "/nowhere"}
    async with program(app) as prometheus:
        answers = {path: (await prometheus.get(path)).status_code for path in paths}
    assert {path for path, status in answers.items() if status == 200} == {"/metrics", "/healthz"}
    assert {status for path, status in answers.items() if path not in ("/metrics", "/healthz", "/readyz")} == {403}


# Limits.


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    buckets = Buckets(per_second=2, burst=3, clock=clock)
    assert [buckets.take("ann") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("ann") == pytest.approx(0.5)
    assert buckets.take("ben") == 0
    clock.now += 0.5
    assert buckets.take("ann") == 0
    clock.now += 1000
    assert [bool(buckets.take("ann")) for _ in range(4)] == [False, False, False, True]


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from("ab")), max_size=60))
def test_nobody_ever_gets_more_than_their_share(asked: list[tuple[float, str]]) -> None:
    clock = Clock()
    buckets = Buckets(per_second=1.5, burst=4, clock=clock)
    let_in = dict.fromkeys("ab", 0)
    for pause, who in asked:
        clock.now += pause
        let_in[who] += buckets.take(who) == 0
        assert let_in[who] <= 4 + 1.5 * clock.now + 1e-6


def test_a_crowd_of_strangers_costs_bounded_memory() -> None:
    buckets = Buckets(1, 1, Clock())
    for number in range(3 * REMEMBERED):
        buckets.take(number)
    assert len(buckets._left) == REMEMBERED


# Before the whole service.

DOCUMENTED = ["/api/v1/overview", "/api/v1/services", "/api/v1/calls", "/api/v1/openapi.json", "/metrics"]


async def test_nothing_but_health_is_for_anybody(tmp_path: Path) -> None:
    app = application(tmp_path)
    paths = {path.replace("{name}", "immich") for path in app.openapi()["paths"]} | {
        "/api/v1/openapi.json",
        "/",
        "/nowhere",
        "/docs",
        "/static/x",
    }
    async with client(app) as stranger:
        answers = {path: (await stranger.get(path)).status_code for path in paths}
    assert {path for path, status in answers.items() if status != 401} == {"/healthz", "/readyz"}
    assert set(DOCUMENTED) <= paths


PRETENDING: list[Mapping[str, str]] = [
    {"Tailscale-User-Login": "ann@example.org"},
    {"Tailscale-User-Login": "ann@example.org", "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}"},
    {"Tailscale-User-Login": "ann@example.org", "X-Real-IP": PROXY},
    {"Cf-Access-Authenticated-User-Email": "ann@example.org"},
    {HEADER: token()},
    {"Cookie": f"CF_Authorization={token()}"},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Basic {base64.b64encode(f'a:{TOKEN}'.encode()).decode()}"},
    {"Authorization": TOKEN},
]


@pytest.mark.parametrize("sent", PRETENDING, ids=lambda sent: " and ".join(sent))
async def test_pretending_is_of_no_use(tmp_path: Path, sent: Mapping[str, str]) -> None:
    async with client(application(tmp_path), **sent) as stranger:
        refused = await stranger.get("/api/v1/overview")
    assert refused.status_code == 401
    assert refused.json().keys() == {"detail"}
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("mark", ["Cf-Ray", "CF-Connecting-IP", "Cdn-Loop"])
async def test_what_came_through_the_tunnel_is_never_the_tailnets(tmp_path: Path, mark: str) -> None:
    sent = {"Tailscale-User-Login": "ann@example.org", mark: "x"}
    async with client(application(tmp_path), PROXY, **sent) as stranger:
        assert (await stranger.get("/api/v1/overview")).status_code == 401


async def test_a_wrong_token_is_not_made_good_by_the_tailnet(tmp_path: Path) -> None:
    sent = {"Authorization": "Bearer wrong", "Tailscale-User-Login": "ann@example.org"}
    async with client(application(tmp_path), PROXY, **sent) as somebody:
        assert (await somebody.get("/api/v1/overview")).status_code == 401


async def test_somebody_of_the_internet_is_let_in_by_their_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer(published(k1=KEY))) as server:
        # Settings take keys over TLS alone; how that goes is tried in test_upstream.py.
        monkeypatch.setattr("brain.app.Upstream", lambda name, url, **options: Upstream(name, server.url, **options))
        app = application(tmp_path, access_team=TEAM, access_audiences=[TAG])
        async with client(app, **{HEADER: token()}) as ann:
            assert (await ann.get("/api/v1/services")).status_code == 200
        for sent in (BAD["unsigned"], BAD["expired"], BAD["tampered with"]):
            async with client(app, PROXY, **{HEADER: sent, "Tailscale-User-Login": "ann@example.org"}) as stranger:
                assert (await stranger.get("/api/v1/services")).status_code == 401


async def test_known_people_and_programs_are_let_in(tmp_path: Path) -> None:
    app = application(tmp_path)
    for somebody in (as_("ann", app), as_("ben", app), as_("guest", app), program(app)):
        async with somebody:
            assert (await somebody.get("/api/v1/services")).status_code == 200
    async with as_("stranger", app) as stranger:
        assert (await stranger.get("/api/v1/services")).status_code == 403


async def test_whoever_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    app = application(tmp_path, rate_per_second=0.5, rate_burst=3)
    async with as_("ann", app) as ann, as_("ben", app) as ben:
        answers = [await ann.get("/api/v1/calls") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2
        assert (await ben.get("/api/v1/calls")).status_code == 200


async def test_whoever_guesses_is_slowed_down_and_nobody_else_with_them(tmp_path: Path) -> None:
    app = application(tmp_path, rate_per_second=0.1, rate_burst=3)
    async with client(app, PROXY, Authorization="Bearer guess") as guessing, as_("ann", app) as ann:
        assert [(await guessing.get("/api/v1/calls")).status_code for _ in range(4)] == [401, 401, 401, 429]
        assert (await ann.get("/api/v1/calls")).status_code == 200
        assert (await guessing.get("/healthz")).status_code == 200


async def refusals(somebody: Any, path: str = "/api/v1/calls", **asked: Any) -> list[int]:
    return [(await somebody.get(path, **asked)).status_code for _ in range(5)]


async def test_whoever_is_refused_is_slowed_down_whatever_for(tmp_path: Path) -> None:
    app = application(tmp_path, rate_per_second=0.001, rate_burst=3)
    twice = [("Tailscale-User-Login", "ann@example.org"), ("Tailscale-User-Login", "ben@example.org")]
    async with as_("stranger", app) as known, as_("other", app) as other, client(app, "10.0.0.1") as unclear:
        assert await refusals(known) == [403, 403, 403, 429, 429]
        # By who they are: they all come by the one proxy.
        assert (await other.get("/api/v1/calls")).status_code == 403
        assert await refusals(unclear, headers=twice) == [400, 400, 400, 429, 429]
    async with client(app, "10.0.0.2") as large, client(app, "10.0.0.3") as pretender, as_("ann", app) as ann:
        assert await refusals(large, "/healthz", params={"q": "x" * 5000}) == [414, 414, 414, 429, 429]
        assert await refusals(pretender, headers=dict(twice[:1])) == [401, 401, 401, 429, 429]
        assert (await ann.get("/api/v1/calls")).status_code == 200


async def test_what_is_refused_for_its_rate_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    app = create_app(settings(tmp_path, rate_per_second=0.001, rate_burst=3), clock=clock)
    said = {"Tailscale-User-Login": "ann@example.org"}
    async with as_("stranger", app) as known, client(app, "10.0.0.9", **said) as pretender, as_("ann", app) as ann:
        for somebody, status in ((known, 403), (pretender, 401), (ann, 200)):
            caplog.clear()
            for _ in range(30):
                await somebody.get("/healthz")
                await somebody.get("/api/v1/calls")
            told = [line for line in caplog.records if line.name.startswith("brain")]
            assert {line.name for line in told} == {"brain.requests"}
            statuses = [getattr(line, logs.FIELDS)["status"] for line in told]
            assert statuses == ([status] * 3 if status != 200 else []) + [429]
        clock.now += TOLD_EVERY
        caplog.clear()
        await ann.get("/api/v1/calls")
        assert len([line for line in caplog.records if line.name == "brain.requests"]) == 1


async def test_the_log_says_why_the_tailnets_headers_were_not_believed(tmp_path: Path, lines: Any) -> None:
    said = {"Tailscale-User-Login": "ann@example.org"}
    async with client(application(tmp_path), "10.0.0.9", **said) as pretender:
        await pretender.get("/api/v1/calls")
    assert '"why": "identity headers of the tailnet: the address isn\'t in a network of its proxies"' in lines()
    assert "ann@example.org" not in lines()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Come in by the home's tailnet or with a token."),
        ({"tailnet_proxies": (), "tokens_file": None}, "Come in when its owner has set a way in up."),
        ({"tailnet_proxies": ()}, "Come in with a token."),
        (
            {"access_team": TEAM, "access_audiences": [TAG]},
            "Come in by the home's tailnet, by Cloudflare Access or with a token.",
        ),
        ({"access_team": TEAM}, "Come in by the home's tailnet or with a token."),
    ],
)
async def test_a_stranger_is_told_of_the_ways_in_that_there_are(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    async with client(application(tmp_path, **given)) as stranger:
        assert (await stranger.get("/api/v1/calls")).json() == {"detail": said}
        page = (await stranger.get("/", headers={"Accept": "text/html"})).text
    there = {"ts.net": "tailnet" in said, "Cloudflare Access asks": "Cloudflare" in said, "Bearer": "token" in said}
    assert {words: words in page for words in there} == there
    assert ("How to come in" in page) == any(there.values())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"x" * 65537}, 413),
        ({"content": b"x", "headers": {"Content-Length": "9" * 30}}, 413),
        ({"content": b"x", "headers": {"Content-Length": "-1"}}, 413),
        ({"params": {"q": "x" * 5000}}, 414),
    ],
    ids=["a large body", "an endless length", "a negative length", "a long address"],
)
async def test_what_is_too_large_is_refused(tmp_path: Path, request_: dict[str, Any], status: int) -> None:
    async with program(application(tmp_path)) as asking:
        assert (await asking.request("GET", "/api/v1/search", **request_)).status_code == status
        assert (await asking.request("GET", "/healthz", **request_)).status_code == status


async def test_a_body_of_unknown_length_is_refused(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"

    async with program(application(tmp_path)) as asking:
        assert (await asking.request("GET", "/healthz", content=endless())).status_code == 411


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/overview", "/nowhere", "/api/v1/search", "/metrics"])
async def test_every_answer_carries_the_security_headers(tmp_path: Path, path: str) -> None:
    app = application(tmp_path)
    async with client(app) as stranger, program(app) as known:
        for somebody in (stranger, known):
            answered = await somebody.get(path)
            assert {name: answered.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
            assert "server" not in answered.headers


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG)

    def told() -> str:
        return "\n".join(JsonFormatter().format(record) for record in caplog.records if record.name != "asyncio")

    return told


async def test_no_secret_stands_in_a_log_line(tmp_path: Path, lines: Any) -> None:
    app = application(tmp_path)
    secrets = [TOKEN, token(), "wrong-token-of-somebody", "private-words"]
    for sent in (
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "Bearer wrong-token-of-somebody"},
        {HEADER: secrets[1]},
    ):
        async with client(app, **sent) as somebody:
            await somebody.get("/api/v1/search", params={"q": "private-words"})
            await somebody.get(f"/nowhere/{TOKEN}")
            await somebody.request(f"X{'Y' * 20}", f"/{TOKEN}")
    ours = "\n".join(line for line in lines().splitlines() if '"logger": "httpx"' not in line)
    assert "prometheus" in ours
    assert [secret for secret in secrets if secret in ours] == []


async def test_an_error_of_ours_is_told_without_its_words(tmp_path: Path, lines: Any) -> None:
    app = application(tmp_path)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError(TOKEN)

    async with program(app) as asking:
        answered = await asking.get("/broken")
    assert answered.status_code == 500
    assert TOKEN not in answered.text
    assert TOKEN not in lines()
    assert '"error": "RuntimeError"' in lines()
    assert "X-Frame-Options" in answered.headers


def test_nobody_is_believed_from_everywhere(tmp_path: Path) -> None:
    for network in ("0.0.0.0/0", "::/0"):
        with pytest.raises(ValueError, match="could be anybody"):
            settings(tmp_path, tailnet_proxies=(network,))
    with pytest.raises(ValueError, match="https"):
        settings(tmp_path, access_team="http://team.cloudflareaccess.com")


async def test_a_refusal_is_a_page_for_a_browser(tmp_path: Path) -> None:
    app = create_app(
        settings(tmp_path),
        refusal_page=lambda status, words, ways: (f"<h1>{status}</h1><p>{words} {sorted(ways)}</p>", "default-src x"),
    )
    async with client(app, Accept="text/html,*/*") as browser, client(app) as other:
        page, data = await browser.get("/"), await other.get("/")
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert page.text.startswith("<h1>401</h1>")
    assert "with a token. ['tailnet', 'token']" in page.text
    assert page.headers["content-security-policy"] == "default-src x"
    assert data.headers["content-type"] == "application/json"


def test_httpx_does_not_reach_the_log_of_the_service() -> None:
    root = logging.getLogger()
    kept = root.handlers, root.level
    try:
        logs.configure()
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    finally:
        root.handlers, root.level = kept
        logging.getLogger("httpx").setLevel(logging.NOTSET)
        logging.getLogger("httpcore").setLevel(logging.NOTSET)
