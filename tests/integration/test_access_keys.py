"""Tokens signed by somebody else, whose keys are published, rotated, taken back, and now and then away."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from jwt.algorithms import RSAAlgorithm

from openride_analytics.access import keys as module
from tests.support.api import Served, resources, serving
from tests.support.eventually import poll
from tests.support.fake_clickhouse import FakeClickHouse
from tests.support.tokens import Issuer, bearer, claims, forged, issuing, private_key, signed

ASKED = "/v1/metrics/bookings?zone=x"  # whoever gets in is told that there is no such parameter
IN = 400


@pytest.fixture(params=["RS256"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with issuing(request.param) as issuer:
        yield issuer


@pytest.fixture
async def guarded(issuer: Issuer) -> AsyncIterator[Served]:
    """An API that believes this issuer."""
    async with resources(issuer.environ()) as given, serving(given) as served:
        yield served


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are asked for whenever there is a reason to."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


async def status(api: Served, token: str) -> int:
    return (await api.get(ASKED, **bearer(token))).status_code


def jwk(number: int) -> dict[str, object]:
    """A public key as it is published."""
    return dict(RSAAlgorithm.to_jwk(private_key("RS256", number).public_key(), as_dict=True))


@pytest.mark.parametrize("issuer", ["RS256", "RS512", "ES256", "EdDSA"], indirect=True)
async def test_a_token_of_each_kind_of_key_gets_in(guarded: Served, issuer: Issuer) -> None:
    assert await status(guarded, issuer.token()) == IN


async def test_keys_are_fetched_once_for_all_who_come_at_the_same_time(
    guarded: Served, issuer: Issuer
) -> None:
    assert await asyncio.gather(*(status(guarded, issuer.token()) for _ in range(20))) == [IN] * 20
    assert issuer.asked == 1


async def test_a_signature_of_another_key_is_not_valid(guarded: Served, issuer: Issuer) -> None:
    assert await status(guarded, issuer.token(number=1)) == 401


async def test_the_public_key_is_no_secret_to_sign_with(guarded: Served, issuer: Issuer) -> None:
    """The swap of algorithms: HS256 with what everybody can read."""
    header = {"alg": "HS256", "kid": "first"}
    pem = issuer.public_pem()
    tokens = [forged(header, claims(), pem), forged({**header, "alg": "RS256"}, claims(), pem)]
    assert [await status(guarded, token) for token in tokens] == [401, 401]


async def test_unsigned_is_not_valid(guarded: Served) -> None:
    token = forged({"alg": "none", "kid": "first"}, claims()).rpartition(".")[0] + "."
    assert await status(guarded, token) == 401


async def test_keys_that_a_token_brings_along_are_not_looked_at(guarded: Served, issuer: Issuer) -> None:
    with issuing("RS256") as other:
        token = other.token(number=1)
        headers = {"alg": "RS256", "kid": "first", "jku": other.url}
        assert await status(guarded, forged(headers, claims())) == 401
        assert (await status(guarded, token), other.asked) == (401, 0)


async def test_what_a_secret_signed_is_not_valid_where_keys_are_published(guarded: Served) -> None:
    assert await status(guarded, signed()) == 401


async def test_a_secret_among_the_published_keys_is_passed_over(guarded: Served, issuer: Issuer) -> None:
    issuer.extra = [
        {"kty": "oct", "k": "YWJj" * 20, "kid": "secret"},
        {"kty": "RSA", "kid": "broken"},
        {"kty": "what"},
        {"kty": ["RSA"], "kid": {}},
    ]
    token = forged({"alg": "RS256", "kid": "secret"}, claims(), b"abc" * 20)
    assert [await status(guarded, issuer.token()), await status(guarded, token)] == [IN, 401]


async def test_a_key_for_encryption_signs_nothing(guarded: Served, issuer: Issuer) -> None:
    issuer.published = {}
    issuer.extra = [jwk(0) | {"use": "enc", "kid": "first"}]
    assert await status(guarded, issuer.token()) == 401


async def test_a_key_for_another_algorithm_signs_nothing(guarded: Served, issuer: Issuer) -> None:
    issuer.published = {}
    issuer.extra = [jwk(0) | {"alg": "RS512", "kid": "first"}]
    assert await status(guarded, issuer.token()) == 401


async def test_a_token_without_a_kid_where_there_is_one_key(guarded: Served, issuer: Issuer) -> None:
    assert await status(guarded, issuer.token(kid=None)) == IN


async def test_a_token_without_a_kid_where_there_are_two(guarded: Served, issuer: Issuer) -> None:
    issuer.published = {"first": 0, "second": 1}
    assert await status(guarded, issuer.token(kid=None)) == 401


@pytest.mark.usefixtures("impatient")
async def test_a_new_key_is_found_as_soon_as_it_is_used(guarded: Served, issuer: Issuer) -> None:
    await status(guarded, issuer.token())
    issuer.published = {"first": 0, "second": 1}
    found = [await status(guarded, token) for token in (issuer.token("second", 1), issuer.token())]
    assert (found, issuer.asked) == ([IN, IN], 2)  # old and new, side by side


@pytest.mark.usefixtures("impatient")
async def test_an_old_key_is_good_only_while_it_is_published(
    guarded: Served, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await status(guarded, issuer.token())
    issuer.published = {"second": 1}
    before = await status(guarded, issuer.token())  # nobody has looked yet
    monkeypatch.setattr(module, "MAX_AGE_SECONDS", 0.0)
    assert (before, await status(guarded, issuer.token())) == (IN, 401)


@pytest.mark.usefixtures("impatient")
async def test_a_key_taken_back_is_noticed_with_the_first_new_one(guarded: Served, issuer: Issuer) -> None:
    await status(guarded, issuer.token())
    issuer.published = {"second": 1}
    assert [await status(guarded, t) for t in (issuer.token("second", 1), issuer.token())] == [IN, 401]


async def test_unknown_keys_make_nobody_ask_again_and_again(guarded: Served, issuer: Issuer) -> None:
    tokens = [issuer.token(), *(issuer.token(f"unknown-{n}") for n in range(30))]
    assert [await status(guarded, token) for token in tokens] == [IN, *[401] * 30]
    assert issuer.asked <= 2


@pytest.mark.usefixtures("impatient")
async def test_while_the_issuer_is_away_known_keys_hold(
    guarded: Served, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await status(guarded, issuer.token())
    issuer.status = 500
    monkeypatch.setattr(module, "MAX_AGE_SECONDS", 0.0)
    assert [await status(guarded, t) for t in (issuer.token(), issuer.token("second", 1))] == [IN, 401]


@pytest.mark.usefixtures("impatient")
async def test_while_the_issuer_is_away_known_keys_hold_not_for_ever(
    guarded: Served, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await status(guarded, issuer.token())
    issuer.status = 500
    monkeypatch.setattr(module, "MAX_AGE_SECONDS", 0.0)
    monkeypatch.setattr(module, "STALE_SECONDS", 0.0)
    assert await status(guarded, issuer.token()) == 503


@pytest.mark.usefixtures("impatient")
async def test_without_any_keys_one_may_come_again(guarded: Served, issuer: Issuer) -> None:
    issuer.status = 404
    answer = await guarded.get(ASKED, **bearer(issuer.token()))
    issuer.status = 200
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    await poll(lambda: _is(guarded, issuer.token(), IN))


@pytest.mark.usefixtures("impatient")
async def test_of_an_issuer_that_sends_without_end_nothing_is_believed(
    guarded: Served, issuer: Issuer
) -> None:
    issuer.extra = [{"kty": "none", "padding": "x" * (1 << 20)}]
    assert await status(guarded, issuer.token()) == 503


async def test_a_redirect_is_not_followed(guarded: Served, issuer: Issuer) -> None:
    issuer.status = 302
    assert await status(guarded, issuer.token()) == 503


async def test_an_issuer_that_hangs_holds_up_nothing_else(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.5)
    async with FakeClickHouse(greets=False) as silent:
        environ = {**issuer.environ(), "JWT_JWKS_URL": f"http://127.0.0.1:{silent.port}/"}
        async with resources(environ) as given, serving(given) as served:
            waiting = asyncio.create_task(status(served, issuer.token()))
            begun = time.monotonic()
            assert (await served.get("/health/live")).status_code == 200
            assert time.monotonic() - begun < 0.5
            assert await waiting == 503


async def _is(api: Served, token: str, wanted: int) -> bool:
    return await status(api, token) == wanted
