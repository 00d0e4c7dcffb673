"""A partner follows what changed, over the API."""

from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select

from cardservice import replacement
from entitlements import sandbox
from entitlements.event_models import PartnerEvent
from entitlements.grants import EndReason, open_by_scheme
from entitlements.grants import end as end_grant
from entitlements.partner_models import CredentialKind
from identity.actors import SYSTEM
from tests.support.partners import (
    THEATRE,
    PartnerSite,
    another_credential,
    card_of,
    grant,
    partner,
    publish,
)
from tests.support.people import CLERK
from tests.support.server import World

EVENTS = "/api/v1/events"


async def followed(site: PartnerSite, **query: object) -> dict[str, Any]:
    answer = await site.ask("GET", f"{EVENTS}?{httpx.QueryParams(query)}")  # type: ignore[arg-type]  # text and numbers
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def test_a_partner_is_told_what_changed_for_somebody_it_knows(served: World) -> None:
    await publish(served, THEATRE)
    jean = await served.register()
    await grant(served, jean, THEATRE)
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    start = await followed(theatre)
    assert start == {"events": [], "next": "0", "more": False}
    subject = (await theatre.check(number, code))["subject"]
    used = await theatre.held(subject)
    await theatre.end(used["id"], "confirm")
    await theatre.end(used["id"], "confirm")
    await theatre.end(used["id"], "cancel")
    async with served.database.transaction() as session:
        card = await served.card_id(jean)
        await replacement.report_lost(session, card, actor=CLERK, now=served.clock())
        given = (await open_by_scheme(session, jean))[THEATRE]
        await end_grant(session, given, EndReason.NOT_ELIGIBLE, actor=SYSTEM, now=served.clock())
    told = await followed(theatre, after=start["next"])
    about = {"subject": subject, "scheme": THEATRE, "redemption": used["id"]}
    assert [(each["type"], each["data"]) for each in told["events"]] == [
        ("redemption.confirmed", about),
        ("redemption.cancelled", about),
        ("card.stopped", {"subject": subject}),
        ("entitlement.ended", {"subject": subject, "scheme": THEATRE}),
    ]
    assert all(set(each) == {"id", "type", "timestamp", "data"} for each in told["events"])
    assert (told["next"], told["more"]) == ("4", False)


async def test_pages_follow_one_another(served: World) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    await theatre.check(number, code, "library")
    async with served.database.transaction() as session:
        card = await served.card_id(jean)
        for _ in range(2):
            await replacement.report_lost(session, card, actor=CLERK, now=served.clock())
            await replacement.found(session, card, actor=CLERK, now=served.clock())
    first = await followed(theatre, size=3)
    assert (len(first["events"]), first["more"]) == (3, True)
    second = await followed(theatre, size=3, after=first["next"])
    assert ([each["type"] for each in second["events"]], second["more"]) == (
        ["card.resumed"],
        False,
    )


async def test_the_sandbox_sees_its_own_events_alone(served: World) -> None:
    await publish(served, THEATRE)
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    await theatre.check(number, code, "library")
    sand = await another_credential(served, theatre.organisation_id, kind=CredentialKind.SANDBOX)
    card = sandbox.CARDS[0]
    subject = (await sand.check(card.number, card.code))["subject"]
    used = await sand.held(subject)
    await sand.end(used["id"], "confirm")
    async with served.database.transaction() as session:
        lost = await served.card_id(jean)
        await replacement.report_lost(session, lost, actor=CLERK, now=served.clock())
    assert [each["type"] for each in (await followed(sand))["events"]] == ["redemption.confirmed"]
    assert [each["type"] for each in (await followed(theatre))["events"]] == ["card.stopped"]


async def test_whoever_was_away_too_long_is_told_to_check_anew(served: World) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    await theatre.check(number, code, "library")
    start = (await followed(theatre))["next"]
    async with served.database.transaction() as session:
        card = await served.card_id(jean)
        await replacement.report_lost(session, card, actor=CLERK, now=served.clock())
    await followed(theatre)
    async with served.database.transaction() as session:
        await session.execute(delete(PartnerEvent))
        assert (await session.scalars(select(PartnerEvent))).all() == []
    answer = await theatre.ask("GET", f"{EVENTS}?after={start}")
    assert (answer.status_code, answer.json()["code"]) == (410, "events-gone")
    assert "after=1" in answer.json()["detail"]
    assert (await followed(theatre, after=1))["events"] == []


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=",
        "after=1e3",
        "after=%D9%A3",
        "size=0",
        "size=501",
        f"after={'9' * 400}",
        "size=1.5",
        "size=%00",
    ],
)
async def test_a_place_or_size_that_is_none_is_refused(served: World, query: str) -> None:
    theatre = await partner(served)
    answer = await theatre.ask("GET", f"{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "body-faulty")


async def test_a_place_where_no_page_ended_is_not_found(served: World) -> None:
    theatre = await partner(served)
    answer = await theatre.ask("GET", f"{EVENTS}?after=7")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-place")


async def test_a_token_without_the_scope_reads_no_events(served: World) -> None:
    theatre = await partner(served)
    await theatre.sign_in(scope="entitlements:check")
    answer = await theatre.ask("GET", EVENTS)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    async with theatre.http() as http:
        assert (await http.get(EVENTS)).status_code == 401
