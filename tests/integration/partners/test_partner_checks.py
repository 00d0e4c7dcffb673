"""A partner asks about a card: what it is told, and what it is never told."""

from typing import Any

import msgspec
from sqlalchemy import func, select

from cardservice import replacement
from entitlements import grants, organisations
from entitlements.grant_states import GrantState
from entitlements.grants import EndReason, SuspendReason
from entitlements.organisations import Agreed
from entitlements.redemption_models import PartnerSubject
from identity.actors import SYSTEM
from identity.keys import Purpose
from readers.contract import phone_pass, tap_tokens
from readers.contract.record import Record, binding_for
from readers.contract.services import Service
from readers.contract.wire import Purpose as TerminalPurpose
from tests.support.partners import (
    CHECKS,
    SWIM,
    THEATRE,
    another_credential,
    card_of,
    grant,
    partner,
    printed_on,
    publish,
)
from tests.support.people import CLERK
from tests.support.server import World, new_card

SHAPE = {"decision", "band", "remaining", "valid_until", "subject", "messages"}
NOTHING = {"band": None, "remaining": None, "valid_until": None, "subject": None}


async def test_the_number_and_code_on_a_card_get_a_yes_with_what_the_partner_may_know(
    served: World,
) -> None:
    await publish(served, THEATRE)
    jean = await served.register()
    await grant(served, jean, THEATRE)
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    told = await theatre.check(number, code)
    assert set(told) == SHAPE
    assert told["decision"] == "yes"
    assert (told["remaining"], told["valid_until"]) == (4, "2026-12-31")
    assert told["band"] is None
    assert told["messages"] == ["One person may come with the holder on the same terms."]
    again = await theatre.check(number, code)
    assert again["subject"] == told["subject"]


async def test_a_band_is_told_where_it_was_agreed_and_only_a_band_by_age(served: World) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    told = (Agreed("library", tells_band=True), Agreed("travel-older", tells_band=True))
    knows = await partner(served, "Knows", agreed=told)
    does_not = await partner(served, "Does not", agreed=[Agreed("library")])
    assert (await knows.check(number, code, "library"))["band"] == "over-60"
    assert (await does_not.check(number, code, "library"))["band"] is None
    served.clock.move(days=30)  # by then she is of pensionable age
    await served.assess(jean)
    older = await knows.check(number, code, "travel-older")
    assert (older["decision"], older["band"]) == ("yes", None)


async def test_two_partners_know_a_holder_by_different_names_that_outlive_cards_and_keys(
    served: World,
) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    one, other = await partner(served, "One"), await partner(served, "Other")
    subject = (await one.check(number, code, "library"))["subject"]
    assert (await other.check(number, code, "library"))["subject"] != subject
    newer = await another_credential(served, one.organisation_id)
    assert (await newer.check(number, code, "library"))["subject"] == subject
    desk = await served.machine("Another desk")
    served.clock.move(minutes=1)  # so that the newest card is the new one
    async with served.database.transaction() as session:
        await replacement.replace(
            session, served.vault, jean, desk.id, actor=CLERK, now=served.clock()
        )
    await desk.card_session(TerminalPurpose.PERSONALISE, new_card())
    number, code = await printed_on(served, await served.card_id(jean))
    assert (await one.check(number, code, "library"))["subject"] == subject


async def test_whatever_leads_to_nobody_is_answered_alike(served: World) -> None:
    await publish(served, THEATRE)
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    answers = [
        await theatre.check("29999000000000", code, "library"),  # a number nobody has
        await theatre.check(number, wrong, "library"),
        await theatre.answered({"offer": "library", "shown": {"by": "terminal", "token": "a.b.c"}}),
        await theatre.answered({"offer": "library", "shown": {"by": "phone", "text": "KC1.AAAA"}}),
    ]
    async with served.database.transaction() as session:
        card = await served.card_id(jean)
        await replacement.report_lost(session, card, actor=CLERK, now=served.clock())
    answers.append(await theatre.check(number, code, "library"))
    assert all(each == answers[0] for each in answers)
    assert answers[0]["decision"] == "unknown"
    assert answers[0].items() >= NOTHING.items()


async def test_what_is_offered_suspended_or_ended_is_a_no_without_a_reason(served: World) -> None:
    await publish(served, THEATRE)
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    answers = [await theatre.check(number, code)]  # offered to her, as to every library member
    await grant(served, jean, THEATRE)
    assert (await theatre.check(number, code))["decision"] == "yes"
    async with served.database.transaction() as session:
        held = (await grants.open_by_scheme(session, jean))[THEATRE]
        await grants.move(
            session,
            held,
            GrantState.SUSPENDED,
            reason=SuspendReason.ENQUIRY,
            actor=CLERK,
            now=served.clock(),
        )
    answers.append(await theatre.check(number, code))
    async with served.database.transaction() as session:
        held = (await grants.open_by_scheme(session, jean))[THEATRE]
        await grants.end(session, held, EndReason.NOT_ELIGIBLE, actor=CLERK, now=served.clock())
    answers.append(await theatre.check(number, code))
    assert all(each == answers[0] for each in answers)
    assert answers[0]["decision"] == "no"
    assert answers[0].items() >= NOTHING.items()


async def test_another_partners_offer_and_one_nobody_has_cannot_be_told_apart(
    served: World,
) -> None:
    await publish(served, THEATRE, SWIM)
    jean = await served.register()
    number, code = await card_of(served, jean)
    theatre = await partner(served)
    shown = {"by": "card", "number": number, "code": code}
    refused = [
        await theatre.ask("POST", CHECKS, {"offer": offer, "shown": shown})
        for offer in (SWIM, "offer-nobody-has")
    ]
    assert [each.status_code for each in refused] == [404, 404]
    assert refused[0].json() == refused[1].json()
    assert refused[0].json()["code"] == "offer-unknown"


async def test_wrong_codes_make_the_right_one_wait_for_that_partner_alone(served: World) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    guesser, other = await partner(served, "Guesser"), await partner(served, "Other")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(6):
        assert (await guesser.check(number, wrong, "library"))["decision"] == "unknown"
    assert (await guesser.check(number, code, "library"))["decision"] == "unknown"
    assert (await other.check(number, code, "library"))["decision"] == "yes"
    served.clock.move(minutes=1)
    assert (await guesser.check(number, code, "library"))["decision"] == "yes"
    for _ in range(5):  # its count began anew
        await guesser.check(number, wrong, "library")
    assert (await guesser.check(number, code, "library"))["decision"] == "yes"


async def test_a_partner_that_guesses_over_many_cards_has_to_wait(served: World) -> None:
    jean = await served.register()
    number, code = await card_of(served, jean)
    guesser, other = await partner(served, "Guesser"), await partner(served, "Other")
    body: dict[str, Any] = {"offer": "library", "shown": {"by": "card", "code": "000000"}}
    statuses = []
    for serial in range(62):
        body["shown"]["number"] = f"2{serial:013d}"
        statuses.append((await guesser.ask("POST", CHECKS, body)).status_code)
    assert set(statuses[:60]) == {200}
    assert statuses[-1] == 429
    body["shown"] |= {"number": number, "code": code}
    refused = await guesser.ask("POST", CHECKS, body)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-wrong-codes")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await other.check(number, code, "library"))["decision"] == "yes"


async def test_a_terminals_token_answers_its_partner_once_for_a_minute(served: World) -> None:
    jean = await served.register()
    desk = await served.machine("Desk")
    card = await served.issue(jean, desk)
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    kiosk = await served.machine(
        "Kiosk", services=[Service.LIBRARY], purposes=[TerminalPurpose.VALIDATE]
    )
    theatre, other = await partner(served), await partner(served, "Other")
    token = tap_tokens.make(
        str(kiosk.id),
        Service.LIBRARY,
        record.status_index,
        sign=kiosk.sign,
        now=served.clock(),
    )
    body = {"offer": "library", "shown": {"by": "terminal", "token": token}}
    assert (await theatre.answered(body))["decision"] == "yes"
    assert (await theatre.answered(body))["decision"] == "yes"  # it may ask about several offers
    assert (await other.answered(body))["decision"] == "unknown"
    of_another = tap_tokens.make(
        str(kiosk.id), Service.TRAVEL, record.status_index, sign=kiosk.sign, now=served.clock()
    )
    body["shown"] = {"by": "terminal", "token": of_another}
    assert (await theatre.answered(body))["decision"] == "unknown"
    served.clock.move(seconds=61)
    body["shown"] = {"by": "terminal", "token": token}
    assert (await theatre.answered(body))["decision"] == "unknown"


async def test_the_code_on_a_phone_answers_one_partner_for_a_minute(served: World) -> None:
    jean = await served.register()
    card = await served.issue(jean, await served.machine("Desk"))
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    theatre, other = await partner(served), await partner(served, "Other")
    text = _pass_for(served, record)
    body = {"offer": "library", "shown": {"by": "phone", "text": text}}
    assert (await theatre.answered(body))["decision"] == "yes"
    assert (await other.answered(body))["decision"] == "unknown"
    served.clock.move(seconds=61)
    assert (await theatre.answered(body))["decision"] == "unknown"


def _pass_for(served: World, record: Record) -> str:
    jti = bytes(range(phone_pass.JTI_BYTES))
    now = served.clock().replace(microsecond=0)
    shown = msgspec.structs.replace(
        record,
        entitlement_class=phone_pass.PASS_CLASS,
        valid_from=now,
        valid_until=now + phone_pass.LIFETIME,
        binding=binding_for(jti, record.service),
    )
    key = served.keystore.current(Purpose.RECORD_SIGN)
    return phone_pass.encode(
        shown, jti, key_id=key.wire, sign=lambda message: served.keystore.sign(key, message)
    )


async def test_a_suspended_partner_is_answered_nothing_within_seconds(served: World) -> None:
    theatre = await partner(served)
    assert (await theatre.ask("GET", "/api/v1/usage")).status_code == 200
    async with served.database.transaction() as session:
        await organisations.suspend(
            session, theatre.organisation_id, actor=SYSTEM, now=served.clock()
        )
    served.clock.move(seconds=5)
    refused = await theatre.ask("GET", "/api/v1/usage")
    assert (refused.status_code, refused.json()["code"]) == (403, "organisation-suspended")


async def test_a_replaced_credential_stops_after_a_week(served: World) -> None:
    old = await partner(served)
    new = await another_credential(served, old.organisation_id)
    served.clock.move(days=6)
    assert (await old.ask("GET", "/api/v1/usage")).status_code == 200
    served.clock.move(days=1)
    refused = await old.ask("GET", "/api/v1/usage")
    assert (refused.status_code, refused.json()["code"]) == (401, "token-not-accepted")
    assert (await new.ask("GET", "/api/v1/usage")).status_code == 200


async def test_a_no_leaves_no_name_of_the_holder_behind(served: World) -> None:
    await publish(served, THEATRE)
    number, code = await card_of(served, await served.register())
    await (await partner(served)).check(number, code)
    async with served.database.transaction() as session:
        count = select(func.count()).select_from(PartnerSubject)
        assert await session.scalar(count) == 0
