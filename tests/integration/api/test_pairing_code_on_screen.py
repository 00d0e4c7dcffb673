"""A desk's screen shows the code that pairs it, until it is used, over or in the way of a card."""

from pathlib import Path

from cardservice import pairing
from cardservice.pairing import Paired
from readers.contract.wire import Purpose
from tests.support.kiosk import kiosk
from tests.support.pairs import signed_in_clerk
from tests.support.server import World, new_card

MAKES = (Purpose.PERSONALISE,)


async def test_the_code_on_the_screen_pairs_the_reader(served: World, tmp_path: Path) -> None:
    async with kiosk(served, tmp_path, services=(), purposes=MAKES) as desk:
        assert desk.terminal.board.look()[1].pairs
        code = await desk.press()
        assert desk.terminal.board.look()[1].advice.startswith("Type this code")
        async with served.database.transaction() as session:
            _, sam = await signed_in_clerk(session, "sam", now=served.clock())
            found = await pairing.pair(session, served.vault, code, sam, now=served.clock())
        assert isinstance(found, Paired)
        assert found.name == tmp_path.name


async def test_a_code_stays_for_two_minutes_or_until_a_card_comes(
    served: World, tmp_path: Path
) -> None:
    async with kiosk(served, tmp_path, services=(), purposes=MAKES) as desk:
        board, show_idle = desk.terminal.board, desk.terminal.show_idle
        code = await desk.press()
        show_idle()
        assert board.look()[1].title == code
        await desk.tap(new_card(), "refused")  # no order waits
        show_idle()
        assert board.look()[1].title == "Ready to make a card"
        assert await desk.press() != code
        served.clock.move(minutes=2)
        show_idle()
        assert board.look()[1].title == "Ready to make a card"


async def test_without_the_server_there_is_no_code(served: World, tmp_path: Path) -> None:
    async with kiosk(served, tmp_path, services=(), purposes=MAKES) as desk:
        desk.terminal.cut_network(cut=True)
        assert await desk.press() == "No code for now"


async def test_a_reader_for_residents_offers_no_code(served: World, tmp_path: Path) -> None:
    async with kiosk(served, tmp_path) as library:
        assert not library.terminal.board.look()[1].pairs
