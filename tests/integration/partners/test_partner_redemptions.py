"""Uses of offers: held, confirmed, cancelled, run out, all or none, and never one too many."""

import asyncio
from datetime import date
from uuid import UUID

import httpx
import pytest

from cardservice import replacement
from entitlements.organisations import Agreed
from tests.support.partners import (
    REDEMPTIONS,
    SWIM,
    THEATRE,
    PartnerSite,
    card_of,
    grant,
    partner,
    publish,
)
from tests.support.people import CLERK
from tests.support.server import World

NOBODYS = "a-subject-nobody-has-been-told"


@pytest.fixture
async def theatre(served: World) -> PartnerSite:
    await publish(served, THEATRE)
    return await partner(served)


async def known(served: World, site: PartnerSite, offer: str = THEATRE) -> tuple[UUID, str]:
    """A resident with the offer, and the partner's name for them."""
    jean = await served.register()
    await grant(served, jean, offer)
    told = await site.check(*await card_of(served, jean), offer)
    return jean, told["subject"]


async def test_a_use_is_held_and_confirmed_and_counts(served: World, theatre: PartnerSite) -> None:
    jean = await served.register()
    await grant(served, jean, THEATRE)
    number, code = await card_of(served, jean)
    subject = (await theatre.check(number, code))["subject"]
    held = await theatre.held(subject, companions=1)
    assert held == held | {
        "offer": THEATRE,
        "subject": subject,
        "state": "held",
        "first_free": False,
        "percent_off": 25,
        "companions": 1,
    }
    assert (await theatre.check(number, code))["remaining"] == 3
    confirmed = await theatre.end(held["id"], "confirm")
    assert confirmed.json() == held | {"state": "confirmed"}
    assert (await theatre.end(held["id"], "confirm")).json() == confirmed.json()
    assert (await theatre.ask("GET", f"{REDEMPTIONS}/{held['id']}")).json() == confirmed.json()
    assert (await theatre.check(number, code))["remaining"] == 3


async def test_a_use_that_is_cancelled_or_left_alone_is_given_back(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    kept, cancelled, left = [await theatre.held(subject) for _ in range(3)]
    assert (await theatre.end(kept["id"], "confirm")).status_code == 200
    assert (await theatre.end(cancelled["id"], "cancel")).json()["state"] == "cancelled"
    served.clock.move(minutes=15)
    assert (await theatre.ask("GET", f"{REDEMPTIONS}/{left['id']}")).json()["state"] == "expired"
    for ended in (cancelled, left):
        refused = await theatre.end(ended["id"], "confirm")
        assert (refused.status_code, refused.json()["code"]) == (409, "redemption-ended")
    for _ in range(3):
        await theatre.held(subject)
    assert (await theatre.hold({"offer": THEATRE, "subject": subject})).status_code == 409
    assert (await theatre.end(kept["id"], "cancel")).json()["state"] == "cancelled"
    await theatre.held(subject)


async def test_a_new_year_begins_anew(served: World, theatre: PartnerSite) -> None:
    jean, subject = await known(served, theatre)
    for _ in range(4):
        await theatre.end((await theatre.held(subject))["id"], "confirm")
    assert (await theatre.hold({"offer": THEATRE, "subject": subject})).status_code == 409
    served.clock.move(days=40)
    refused = await theatre.hold({"offer": THEATRE, "subject": subject})
    assert _codes(refused) == [("/items/0/subject", "not-entitled")]  # what she was given ran out
    await served.assess(jean)
    await grant(served, jean, THEATRE, valid_until=date(2027, 12, 31))
    await theatre.held(subject)


async def test_the_first_time_is_free_and_the_next_is_not(served: World) -> None:
    await publish(served, SWIM)
    pool = await partner(served, "Pool", agreed=[Agreed(SWIM)])
    _, subject = await known(served, pool, SWIM)
    first = await pool.held(subject, SWIM)
    assert (first["first_free"], first["percent_off"]) == (True, 100)
    second = await pool.held(subject, SWIM)
    assert (second["first_free"], second["percent_off"]) == (False, 0)
    for each in (first, second):
        await pool.end(each["id"], "cancel")
    assert (await pool.held(subject, SWIM))["first_free"]


async def test_a_batch_is_held_whole_or_not_at_all_and_says_which_item_is_bad(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    good = {"offer": THEATRE, "subject": subject}
    refused = await theatre.hold(
        good,
        {"offer": THEATRE, "subject": NOBODYS},
        good | {"companions": 2},
        {"offer": "library", "subject": subject},
        {"offer": SWIM, "subject": subject},
    )
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert _codes(refused) == [
        ("/items/1/subject", "subject-unknown"),
        ("/items/2/companions", "too-many-companions"),
        ("/items/3/offer", "not-an-offer"),
        ("/items/4/offer", "offer-unknown"),
    ]
    too_many = await theatre.hold(*[good] * 5)
    assert _codes(too_many) == [("/items/4/subject", "none-left")]
    assert (await theatre.hold(*[good] * 4)).status_code == 201  # nothing had been held


async def test_of_many_who_ask_for_the_last_use_exactly_one_gets_it(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    for _ in range(3):
        await theatre.held(subject)
    item = {"offer": THEATRE, "subject": subject}
    answers = await asyncio.gather(*(theatre.hold(item) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409, 409]


async def test_the_same_request_twice_is_one_use_also_at_the_same_time(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    item = {"offer": THEATRE, "subject": subject}
    answers = await asyncio.gather(*(theatre.hold(item, key="a-key-of-mine") for _ in range(4)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    quoted = await theatre.hold(item, key='"a-key-of-mine"')
    assert quoted.json() == answers[0].json()
    other = await theatre.hold(item, item, key="a-key-of-mine")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    served.clock.move(hours=24)
    later = await theatre.hold(item, key="a-key-of-mine")
    assert later.status_code == 201
    assert later.json() != answers[0].json()


async def test_a_refusal_is_repeated_too_and_another_partners_key_is_another_key(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    item = {"offer": THEATRE, "subject": subject, "companions": 9}
    first = await theatre.hold(item, key="a-key-of-mine")
    again = await theatre.hold(item, key="a-key-of-mine")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.status_code == 409
    other = await partner(served, "Other")
    theirs = await other.hold({"offer": THEATRE, "subject": subject}, key="a-key-of-mine")
    assert _codes(theirs) == [("/items/0/subject", "subject-unknown")]


async def test_one_partner_can_do_nothing_with_what_is_anothers(
    served: World, theatre: PartnerSite
) -> None:
    _, subject = await known(served, theatre)
    other = await partner(served, "Other")
    held = await theatre.held(subject)
    for how in ("confirm", "cancel"):
        refused = await other.end(held["id"], how)
        assert (refused.status_code, refused.json()["code"]) == (404, "no-such-redemption")
    assert (await other.ask("GET", f"{REDEMPTIONS}/{held['id']}")).status_code == 404
    assert (await theatre.end(held["id"], "confirm")).status_code == 200


async def test_a_holder_whose_only_card_is_lost_redeems_nothing(
    served: World, theatre: PartnerSite
) -> None:
    jean, subject = await known(served, theatre)
    async with served.database.transaction() as session:
        card = await served.card_id(jean)
        await replacement.report_lost(session, card, actor=CLERK, now=served.clock())
    refused = await theatre.hold({"offer": THEATRE, "subject": subject})
    assert _codes(refused) == [("/items/0/subject", "not-entitled")]


def _codes(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
