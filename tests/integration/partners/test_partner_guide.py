"""docs/partners.md is followed word by word, as a developer of a partner would."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from cardservice.cli.clients import read_keys
from entitlements import organisations, sandbox
from entitlements.organisations import Agreed
from entitlements.partner_models import CredentialKind
from identity.actors import SYSTEM
from identity.oidc.provider import Endpoint
from readers.clock import system_clock
from readers.terminal.screen.till_door import TILL_PATH, WAIT_SECONDS
from readers.terminal.till import TillTap
from tests.support.kiosk import kiosk
from tests.support.partners import partner
from tests.support.server import World

GUIDE = Path(__file__).parents[3] / "docs" / "partners.md"
BLOCK = re.compile(r"```(python|sh)\n(.*?)```", re.DOTALL)


def programs() -> list[str]:
    """In the guide's order: making keys, a first check, the same with curl, a till."""
    return [text for _, text in BLOCK.findall(GUIDE.read_text())]


async def run(directory: Path, *command: str, **environment: str) -> str:
    running = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await running.communicate()
    assert running.returncode == 0, complained.decode()
    return said.decode()


async def test_credentials_lead_to_a_first_check(served: World, tmp_path: Path) -> None:
    make_keys, first_check, curl, _ = programs()
    await run(tmp_path, sys.executable, "-c", make_keys)
    served.clock.moment = now = system_clock()  # the guide's programs have no other
    async with served.database.transaction() as session:
        made = await organisations.add(
            session, "Example Theatre", [Agreed("library")], actor=SYSTEM, now=now
        )
        credential = await organisations.new_credential(
            session,
            made.id,
            CredentialKind.SANDBOX,
            read_keys(tmp_path / "partner-keys.json"),
            actor=SYSTEM,
            now=now,
        )
    around = {"KENTCARD_SERVER": served.url, "KENTCARD_CLIENT": credential.client_id}
    assert await run(tmp_path, sys.executable, "-c", first_check, **around) == "yes\n"
    told = json.loads(await run(tmp_path, "sh", "-c", curl, **around))
    assert (told["decision"], told["remaining"]) == ("yes", 4)


async def test_a_till_turns_a_tap_into_an_answer(served: World, tmp_path: Path) -> None:
    *_, till = programs()
    card = await served.issue(await served.register(), await served.machine())
    (tmp_path / "partner.token").write_text(await (await partner(served)).token())
    async with kiosk(served, tmp_path) as counter:
        around = {
            "KENTCARD_SERVER": served.url,
            "KENTCARD_SCREEN": counter.url,
            "KENTCARD_TILL_SECRET_FILE": str(counter.secret_file),
        }
        asking = asyncio.create_task(run(tmp_path, sys.executable, "-c", till, **around))
        await counter.tap(card)
        assert await asking == "yes\n"


def test_it_tells_every_answer_of_the_tills_address_and_how_long_it_waits() -> None:
    text = GUIDE.read_text()
    assert f"`GET {TILL_PATH}` answers" in text
    assert f"accepted for {WAIT_SECONDS:.0f} seconds" in text
    told = ", ".join(f'"{name}"' for name in TillTap.__struct_fields__)
    assert f"200 `{{{told}}}`" in text


def test_it_lists_the_test_cards_and_the_addresses_that_there_are() -> None:
    text = GUIDE.read_text()
    for card in sandbox.CARDS:
        assert f"| {card.number} | {card.code} | {card.about} |" in text
    assert f"{{server}}{Endpoint.TOKEN.value}" in text
