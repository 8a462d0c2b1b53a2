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
from brain.access.bearer import Bearer
from brain.access.cloudflare import ASK_AGAIN_AFTER, GOOD_FOR, HEADER, Access, Keys
from brain.access.guard import SECURITY_HEADERS
from brain.access.identity import Identity, RefusedError, Roles
from brain.access.limits import REMEMBERED, Buckets
from brain.access.tailscale import Tailnet
from brain.app import create_app
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


def test_the_proxys_headers_tell_who_somebody_is() -> None:
    known = tailnet("100.64.0.7/32", "fd7a::/64")
    for address in ("100.64.0.7", "::ffff:100.64.0.7", "fd7a::1"):
        assert known.identify(headers(tailscale_user_login="Ann@Example.org"), address) == Identity(
            "Ann@Example.org", "owner", "tailnet"
        )


@pytest.mark.parametrize("address", ["100.64.0.8", "127.0.0.1", "", "testclient", "fd7b::1", "100.64.0.7.example.org"])
def test_the_same_headers_from_elsewhere_are_nobodys(address: str) -> None:
    known = tailnet("100.64.0.7/32", "fd7a::/64")
    assert known.identify(headers(tailscale_user_login="ann@example.org"), address) is None


def test_a_name_that_is_not_ascii_is_decoded() -> None:
    known = Tailnet(settings_networks("100.64.0.7/32"), Roles({}, "guest"))
    found = known.identify(headers(tailscale_user_login="=?utf-8?q?j=C3=BCrgen=40example.org?="), "100.64.0.7")
    assert found == Identity("jürgen@example.org", "guest", "tailnet")


def test_two_names_at_once_are_refused() -> None:
    raw = Headers(raw=[(b"tailscale-user-login", b"ann@example.org"), (b"tailscale-user-login", b"ben@example.org")])
    with pytest.raises(RefusedError, match="more than once"):
        tailnet("100.64.0.7/32").identify(raw, "100.64.0.7")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_no_name_breaks_the_tailnets_identity(login: str) -> None:
    known = Tailnet(settings_networks("100.64.0.7/32"), Roles({}, "guest"))
    raw = Headers(raw=[(b"tailscale-user-login", login.encode("latin-1"))])
    # What can't be read is refused, and nothing else is raised.
    with suppress(RefusedError):
        found = known.identify(raw, "100.64.0.7")
        assert found is None or found.who.isprintable()


# Tokens.


@given(st.text(max_size=80))
def test_only_the_very_token_is_anybodys(sent: str) -> None:
    known = Bearer(lambda: {"prometheus": TOKEN})
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
    known = Bearer(lambda: {"a": "x" * 30, "b": "y" * 30, "c": "z" * 300})
    for sent in ("x" * 30, "z" * 300, "", "nobody's"):
        compared.clear()
        known.identify(sent)
        assert len(compared) == 3


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
        settings(tmp_path), refusal_page=lambda status, words: (f"<h1>{status}</h1><p>{words}</p>", "default-src x")
    )
    async with client(app, Accept="text/html,*/*") as browser, client(app) as other:
        page, data = await browser.get("/"), await other.get("/")
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert page.text.startswith("<h1>401</h1>")
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
