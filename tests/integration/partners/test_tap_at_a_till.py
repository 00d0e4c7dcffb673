"""A card is tapped at a terminal, the till beside it gets a token, and asks the server with it."""

from pathlib import Path

from cardservice import replacement
from readers.contract.services import Service
from readers.terminal.till import NoTap
from tests.support.kiosk import kiosk
from tests.support.partners import partner
from tests.support.people import CLERK
from tests.support.server import World


def about(token: str, offer: str = "library") -> dict[str, object]:
    return {"offer": offer, "shown": {"by": "terminal", "token": token}}


async def test_a_tap_at_a_library_terminal_is_a_yes_at_the_till_beside_it(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    theatre, other = await partner(served), await partner(served, "Other")
    async with kiosk(served, tmp_path) as counter:
        await counter.tap(card)
        token = await counter.token()
        answer = await theatre.answered(about(token))
        assert (answer["decision"], bool(answer["subject"])) == ("yes", True)
        assert (await other.answered(about(token)))["decision"] == "unknown", "a replay elsewhere"
        assert (await theatre.answered(about(token)))["decision"] == "yes"
        served.clock.move(seconds=61)
        assert (await theatre.answered(about(token)))["decision"] == "unknown", "it has expired"


async def test_a_terminal_cut_off_from_the_server_gives_tokens_that_are_good(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    theatre = await partner(served)
    async with kiosk(served, tmp_path) as counter:
        counter.terminal.network.cut(yes=True)
        await counter.tap(card)
        assert (await theatre.answered(about(await counter.token())))["decision"] == "yes"


async def test_a_lost_card_is_refused_and_the_till_is_given_nothing(
    served: World, tmp_path: Path
) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    card_id = await served.card_id(resident)
    async with kiosk(served, tmp_path) as counter:
        await served.do(
            lambda session: replacement.report_lost(
                session, card_id, actor=CLERK, now=served.clock()
            )
        )
        await counter.tap(card, "refused")
        assert counter.terminal.counter.till is not None
        assert counter.terminal.counter.till.take(0) is NoTap.NONE_CAME


async def test_a_card_lost_after_its_tap_is_no_yes_any_more(served: World, tmp_path: Path) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    theatre, card_id = await partner(served), await served.card_id(resident)
    async with kiosk(served, tmp_path) as counter:
        await counter.tap(card)
        token = await counter.token()
    await served.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
    )
    assert (await theatre.answered(about(token)))["decision"] == "unknown"


async def test_a_token_of_the_identity_record_tells_the_same_holder_as_the_librarys(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    theatre = await partner(served)
    subjects = set()
    for service in (Service.IDENTITY, Service.LIBRARY):
        directory = tmp_path / service
        directory.mkdir()
        async with kiosk(served, directory, (service,)) as counter:
            await counter.tap(card)
            answer = await theatre.answered(about(await counter.token()))
            subjects.add(answer["subject"])
    assert len(subjects) == 1
