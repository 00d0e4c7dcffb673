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
from tests.support.server import World

GUIDE = Path(__file__).parents[3] / "docs" / "partners.md"
BLOCK = re.compile(r"```(python|sh)\n(.*?)```", re.DOTALL)


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
    make_keys, first_check, curl = [text for _, text in BLOCK.findall(GUIDE.read_text())]
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


def test_it_lists_the_test_cards_and_the_addresses_that_there_are() -> None:
    text = GUIDE.read_text()
    for card in sandbox.CARDS:
        assert f"| {card.number} | {card.code} | {card.about} |" in text
    assert f"{{server}}{Endpoint.TOKEN.value}" in text
