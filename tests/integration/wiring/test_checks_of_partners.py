"""A partner's check skips objects of the framework, and nothing else."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from entitlements.usage import Used
from identity.keys import FileKeyStore
from tests.support.partners import CHECKS, PartnerSite, partner
from tests.support.server import World, world

CARD = {"by": "card", "number": "29999000000000", "code": "000000"}
ASKED = json.dumps({"offer": "library", "shown": CARD}).encode()
TOO_LARGE = b" " * (1024 * 1024 + 1)
A_MINUTE = 6


@pytest.fixture
async def served(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    async with world(database_url, keystore, partner_checks_a_minute=A_MINUTE) as started:
        yield started


@pytest.fixture
async def site(served: World) -> PartnerSite:
    return await partner(served)


async def every_sort(site: PartnerSite) -> Sequence[httpx.Response]:
    """One that is answered, and one refused for each cause."""
    narrow = {"authorization": f"Bearer {await site.token(scope='events:read')}"}
    async with site.http() as http:
        nobody = await http.post(CHECKS, content=ASKED)
    return [
        await site.ask("POST", CHECKS, content=ASKED),
        await site.ask("POST", CHECKS, content=b"", headers={"content-type": "text/plain"}),
        await site.ask("POST", CHECKS, content=b"{"),
        await site.ask("POST", CHECKS, content=b"{}"),
        await site.ask("POST", CHECKS, content=ASKED.replace(b"library", b"nothing")),
        await site.ask("POST", CHECKS, content=TOO_LARGE),
        await site.ask("POST", CHECKS, content=ASKED),
        await site.ask("POST", CHECKS, content=ASKED, headers=narrow),
        nobody,
    ]


async def test_every_answer_has_the_headers_of_all_others_once(site: PartnerSite) -> None:
    answers = await every_sort(site)
    statuses = [200, 415, 400, 422, 404, 413, 429, 403, 401]
    assert [each.status_code for each in answers] == statuses
    async with site.http() as http:
        usual = (await http.get("/healthz")).headers
    differs = {"content-type", "content-length", "date", "cache-control"}
    defences = {name: value for name, value in usual.items() if name not in differs}
    assert "content-security-policy" in defences
    for each in answers:
        assert defences.items() <= dict(each.headers).items()
        assert all(len(each.headers.get_list(name)) == 1 for name in each.headers)
        assert each.headers["cache-control"] == "no-store"
        problem = "application/problem+json"
        kind = "application/json" if each.status_code == 200 else problem
        assert each.headers["content-type"] == kind


async def test_every_answer_is_counted_under_its_route(site: PartnerSite) -> None:
    async with site.http() as http:
        before = (await http.get("/metrics")).text
        for each in await every_sort(site):
            status = each.status_code
            after = (await http.get("/metrics")).text
            assert counted(after, status) == counted(before, status) + 1, status


async def test_a_body_too_large_to_read_uses_up_the_minute_like_any_other(
    site: PartnerSite,
) -> None:
    for _ in range(A_MINUTE):
        assert (await site.ask("POST", CHECKS, content=TOO_LARGE)).status_code == 413
    later = await site.ask("POST", CHECKS, content=ASKED)
    assert (later.status_code, later.json()["code"]) == (429, "too-many-requests")


async def test_whoever_may_not_ask_uses_up_nothing(site: PartnerSite) -> None:
    narrow = {"authorization": f"Bearer {await site.token(scope='events:read')}"}
    for _ in range(A_MINUTE):
        refused = await site.ask("POST", CHECKS, content=ASKED, headers=narrow)
        assert refused.status_code == 403
        assert 'scope="entitlements:check"' in refused.headers["www-authenticate"]
    answer = await site.ask("POST", CHECKS, content=ASKED)
    assert answer.headers["ratelimit"].startswith(f'"checks";r={A_MINUTE - 1};')


async def test_a_question_that_comes_in_pieces_is_put_together(site: PartnerSite) -> None:
    async with site.http() as http:
        answer = await http.post(
            CHECKS,
            content=letters(ASKED),
            headers={
                "authorization": f"Bearer {await site.token()}",
                "content-type": "Application/JSON; charset=utf-8",
            },
        )
    assert (answer.status_code, answer.json()["decision"]) == (200, "unknown")


async def test_what_was_answered_and_refused_is_counted_for_the_organisation(
    site: PartnerSite,
) -> None:
    await every_sort(site)
    told = (await site.ask("GET", "/api/v1/usage")).json()["days"]
    times = {each["what"]: each["times"] for each in told}
    # Four bodies that are wrong and one request too many; what no guard let in is nobody's.
    assert times == {Used.CHECK_UNKNOWN: 1, Used.REFUSED: 5}


def counted(metrics: str, status: int) -> float:
    labels = f'{{method="POST",route="{CHECKS}",status="{status}"}}'
    for line in metrics.splitlines():
        if line.startswith(f"kentcard_requests_total{labels}"):
            return float(line.rpartition(" ")[2])
    return 0.0


async def letters(body: bytes) -> AsyncIterator[bytes]:
    for at in range(len(body)):
        yield body[at : at + 1]
