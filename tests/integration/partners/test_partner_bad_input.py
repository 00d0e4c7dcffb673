"""What partners send that is wrong, stolen, too much or too often."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cardservice.app import provider_of
from entitlements.api.bodies import LARGEST
from entitlements.usage import Used
from identity.keys import FileKeyStore
from identity.oidc import access
from tests.support.partners import CHECKS, REDEMPTIONS, USAGE, PartnerSite, partner
from tests.support.server import World, world

CARD = {"by": "card", "number": "29999000000000", "code": "000000"}
BODY: dict[str, Any] = {"offer": "library", "shown": CARD}
DEEP = b'{"offer":' * 3000 + b"1" + b"}" * 3000


async def test_a_body_that_is_wrong_is_refused_with_the_place(served: World) -> None:
    site = await partner(served)
    for content, status, code, pointer in (
        (b"", 400, "not-json", None),
        (b"\xff\xfe", 400, "not-json", None),
        (b"{" * 20_000, 400, "not-json", None),
        (DEEP, 400, "not-json", None),
        (b'{"offer": "library", "offer": "library"}', 400, "not-json", None),
        (b'{"offer": NaN}', 400, "not-json", None),
        (b"9" * 5000, 400, "not-json", None),
        (b" " * (LARGEST + 1), 413, "body-too-large", None),
        (b"[]", 422, "body-faulty", ""),
        (b'{"offer": "library"}', 422, "body-faulty", ""),
        (body(offer="nul\0"), 422, "body-faulty", "/offer"),
        (body(offer="x" * 65), 422, "body-faulty", "/offer"),
        (body(shown=CARD | {"number": "2999900000000\u0660"}), 422, "body-faulty", "/shown/number"),
        (body(shown=CARD | {"number": "29999000000000\n"}), 422, "body-faulty", "/shown/number"),
        (body(shown=CARD | {"number": 29999000000000}), 422, "body-faulty", "/shown/number"),
        (body(shown=CARD | {"code": "00000\ud800"}), 422, "body-faulty", "/shown/code"),
        (body(shown=CARD | {"birth_date": "1960-07-31"}), 422, "body-faulty", "/shown"),
        (body(shown={"by": "name"}), 422, "body-faulty", "/shown/by"),
    ):
        answer = await site.ask("POST", CHECKS, content=content)
        assert (answer.status_code, answer.json()["code"]) == (status, code), content[:60]
        assert answer.headers["content-type"] == "application/problem+json"
        if pointer is not None:
            assert answer.json()["errors"][0]["pointer"] == pointer, answer.text


async def test_a_body_larger_than_any_of_ours_and_one_of_another_type(served: World) -> None:
    site = await partner(served)
    answer = await site.ask("POST", CHECKS, content=b" " * (2 * 1024 * 1024))
    assert answer.status_code == 413
    form = await site.ask(
        "POST", CHECKS, BODY, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert (form.status_code, form.json()["code"]) == (415, "media-type-not-taken")


@pytest.mark.parametrize("key", ["", "short", "with a space", '"', "x" * 129])
async def test_a_key_that_is_none_holds_nothing(served: World, key: str) -> None:
    site = await partner(served)
    item = {"offer": "library", "subject": "a-subject-nobody-has-been-told"}
    answer = await site.ask(
        "POST", REDEMPTIONS, {"items": [item]}, headers={"idempotency-key": key} if key else {}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")


async def test_tokens_of_others_for_others_or_of_another_time_are_refused(served: World) -> None:
    site = await partner(served)
    provider = provider_of(served.settings, served.keystore)
    now = served.clock()
    mine = (site.client_id, site.client_id, ("entitlements:check",))
    right = access.mint(provider, *mine, bound_to="", now=now)
    assert await status_with(site, right) == 200
    whole = right.rsplit(".", 1)[0]
    wrong = {
        "no token": "x",
        "cut": whole,
        "unsigned": f"{whole}.",
        "another audience": access.mint(
            provider, *mine, bound_to="", now=now, more={"aud": "https://other.example"}
        ),
        "another issuer": access.mint(
            provider, *mine, bound_to="", now=now, more={"iss": "https://other.example"}
        ),
        "bound to a key that is not proven": access.mint(provider, *mine, bound_to="k", now=now),
        "of the future": access.mint(provider, *mine, bound_to="", now=now + timedelta(minutes=2)),
        "run out": access.mint(provider, *mine, bound_to="", now=now - timedelta(minutes=5)),
        "of nobody": access.mint(
            provider, "kc-none", "kc-none", ("entitlements:check",), bound_to="", now=now
        ),
        "about somebody": access.mint(
            provider, site.client_id, "somebody", mine[2], bound_to="", now=now
        ),
        "the assertion itself": site.assertion(),
    }
    for what, token in wrong.items():
        assert await status_with(site, token) == 401, what
    narrow = access.mint(provider, *mine[:2], ("events:read",), bound_to="", now=now)
    assert await status_with(site, narrow) == 403


async def test_a_token_works_as_long_as_it_says_and_no_longer(served: World) -> None:
    site = await partner(served)
    token = await site.token()
    assert await status_with(site, token) == 200
    served.clock.move(seconds=access.LIFE.total_seconds() - 1)
    assert await status_with(site, token) == 200
    served.clock.move(seconds=1)
    assert await status_with(site, token) == 401


async def test_an_assertion_is_taken_once_and_for_us_alone(served: World) -> None:
    site = await partner(served)
    assertion = site.assertion()
    assert (await site.ask_for_token(client_assertion=assertion)).status_code == 200
    assert (await site.ask_for_token(client_assertion=assertion)).status_code == 401
    for changed in ({"aud": "https://other.example"}, {"exp": 1}, {"iss": "kc-other"}):
        refused = await site.ask_for_token(client_assertion=site.assertion(**changed))
        assert refused.status_code == 401, changed


async def test_a_flood_is_told_to_wait_and_holds_up_nobody_else(
    database_url: str, keystore: FileKeyStore
) -> None:
    async with world(database_url, keystore, partner_checks_a_minute=3) as served:
        one, other = await partner(served, "One"), await partner(served, "Other")
        answers = [await one.ask("POST", CHECKS, BODY) for _ in range(5)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
        assert answers[0].headers["ratelimit-policy"] == '"checks";q=3;w=60'
        assert answers[0].headers["ratelimit"].startswith('"checks";r=2;t=')
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == "too-many-requests"
        assert (await other.ask("POST", CHECKS, BODY)).status_code == 200
        served.clock.move(minutes=1)
        assert (await one.ask("POST", CHECKS, BODY)).status_code == 200


async def test_usage_is_counted_by_day_and_credential_and_told_to_its_own_organisation(
    served: World,
) -> None:
    site, other = await partner(served), await partner(served, "Other")
    for _ in range(3):
        await site.ask("POST", CHECKS, BODY)
    await site.ask("POST", CHECKS, content=b"")
    told = (await site.ask("GET", USAGE)).json()
    day = "2026-11-22"
    assert told == {
        "kind": "live",
        "days": [
            {"day": day, "what": Used.CHECK_UNKNOWN.value, "times": 3},
            {"day": day, "what": Used.REFUSED.value, "times": 1},
        ],
    }
    assert (await other.ask("GET", USAGE)).json()["days"] == []
    served.clock.move(days=1)
    assert (await site.ask("GET", f"{USAGE}?days=1")).json()["days"] == []
    assert len((await site.ask("GET", f"{USAGE}?days=1&to={day}")).json()["days"]) == 2
    for query in ("days=0", "days=x", "days=367", "to=2026-13-01", "to=yesterday"):
        assert (await site.ask("GET", f"{USAGE}?{query}")).status_code == 422, query


def body(**changed: object) -> bytes:
    return json.dumps(BODY | changed).encode()


async def status_with(site: PartnerSite, token: str) -> int:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    async with site.http() as http:
        answer = await http.post(CHECKS, content=body(), headers=headers)
    assert "www-authenticate" in answer.headers or answer.status_code == 200
    return answer.status_code
