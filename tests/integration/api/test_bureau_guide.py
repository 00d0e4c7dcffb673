"""docs/bureau.md is followed word by word: its program opens a batch and answers it."""

import asyncio
import json
import re
import sys
from pathlib import Path

from cardservice import batch_files, batch_results, batches, bureau_files, bureaus, issuance
from cardservice.batch_files import Means
from cardservice.batch_results import Taken
from cardservice.products import KENT_CARD
from identity.keys import Purpose
from readers.contract.wire import Purpose as TerminalPurpose
from tests.support.bureau import dispatched
from tests.support.lives import SUPERVISOR
from tests.support.people import CLERK
from tests.support.server import World, new_card

GUIDE = Path(__file__).parents[3] / "docs" / "bureau.md"
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)


async def run(directory: Path, *words: str) -> bytes:
    """The guide's program in a directory of the bureau's."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "bureau.py",
        *words,
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await running.communicate()
    assert running.returncode == 0, complained.decode()
    return said


async def test_the_program_of_the_guide_opens_a_batch_and_its_answer_is_taken(
    served: World, tmp_path: Path
) -> None:
    programs = PROGRAM.findall(GUIDE.read_text())
    (tmp_path / "bureau.py").write_text(programs[0])
    await run(tmp_path, "keys")
    keys = bureau_files.read_keys((tmp_path / "bureau.public.json").read_bytes())
    signing = served.keystore.current(Purpose.BUREAU_SIGN)
    public = served.keystore.public_key(signing).public_bytes_raw()
    council = bureau_files.public_jwk(public, signing.wire.decode())
    (tmp_path / "council.json").write_text(json.dumps(council))
    now, resident = served.clock(), await served.register()
    encoder = await served.machine("Encoder")
    async with served.database.transaction() as session:
        made = await bureaus.add(session, "Card Works", keys, actor=CLERK, now=now)
        await bureaus.set_encoder(session, "Card Works", "Encoder", actor=CLERK, now=now)
        await issuance.order(session, served.vault, resident, None, actor=CLERK, now=now)
        batch = await batches.make(session, made.id, KENT_CARD, actor=CLERK, now=now)
        await batches.release(session, batch.id, actor=SUPERVISOR, now=now)
        means = Means(served.keystore, served.vault, "9999")
        sent = await batch_files.export(session, means, batch, actor=CLERK, now=now)
    (tmp_path / "batch.jwe").write_bytes(sent.data)
    head, row = (await run(tmp_path, "open", "batch.jwe", "council.json")).splitlines()
    assert json.loads(head)["batch"] == str(batch.id)
    assert json.loads(row)["name"] == "Jean O'Malley"
    chip = new_card()
    await encoder.card_session(TerminalPurpose.PERSONALISE, chip)
    lines = [{"batch": str(batch.id), "rows": 1}, dispatched(1, chip.uid)]
    (tmp_path / "made.jsonl").write_text("\n".join(json.dumps(each) for each in lines))
    answer = await run(tmp_path, "answer", "made.jsonl")
    async with served.database.transaction() as session:
        found = await batch_results.take(
            session, served.vault, batch.id, answer, actor=CLERK, now=now
        )
    assert found == Taken(dispatched=1, ordered_again=0, to_look_at=0, to_destroy=0)
