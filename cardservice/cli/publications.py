"""`kentcard schemes preview`, `publish`, `history` and `replay`: change rules, and trust them."""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from cardservice.app import open_keystore
from cardservice.cli.answers import (
    Exit,
    complain,
    open_database,
    say,
    say_json,
    say_json_line,
    say_table,
    surroundings,
)
from cardservice.cli.staff import acting
from cardservice.cli.subcommands import Commands, day, json_option
from cardservice.database import Database
from entitlements import previews, publishing, replays, rulebooks
from entitlements.errors import SchemesFaulty
from entitlements.previews import Looked, Preview
from entitlements.replays import Replayed
from entitlements.schemes.changes import first_changed_day
from identity import audit
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.roles import Act
from readers.contract.windows import london_date


def add_to(own: Commands) -> None:
    """To the commands of `schemes`."""
    preview = own.add_parser("preview", help="who would gain and who would lose by a rule file")
    preview.add_argument("file", type=Path)
    preview.add_argument("--on", type=day, help="the day; the first the file changes, or today")
    preview.add_argument(
        "--who", action="store_true", help="list the accounts, one a line; needs --as"
    )
    preview.add_argument("--as", dest="staff", help="user name of a supervisor; kept in the trail")
    json_option(preview)
    preview.set_defaults(run=_running(_preview))
    publish = own.add_parser(
        "publish", help="ask for a rule file to be published by a second person"
    )
    publish.add_argument("file", type=Path)
    publish.add_argument("--as", dest="staff", required=True, help="user name of who asks")
    publish.add_argument("--reason", required=True, help="why, for the person who decides")
    publish.add_argument(
        "--backdated", action="store_true", help="it changes rules of days that have passed"
    )
    publish.set_defaults(run=_running(_publish))
    history = own.add_parser("history", help="what was published, by whom, and what waits")
    history.set_defaults(run=_running(_history))
    replay = own.add_parser("replay", help="make stored decisions again, as of their day")
    replay.add_argument("--account", help="nine digits; everybody's if left out")
    json_option(replay)
    replay.set_defaults(run=_running(_replay))


def _running(
    command: Callable[[argparse.Namespace], Coroutine[None, None, int]],
) -> Callable[[argparse.Namespace], int]:
    return lambda asked: asyncio.run(command(asked))


async def _preview(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    if asked.who and not asked.staff:
        complain("--who shows people: say with --as who looks.")
        return Exit.USAGE
    text, now = read_text(asked.file), around.clock()
    vault = Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database:
        tell = await _listing(database, asked, now) if asked.who else _not_listed
        async with database.transaction() as session:
            before = await rulebooks.in_force(session)
            after = publishing.proposed(before, asked.file.name, text)
            today = london_date(now)
            on = asked.on or max(first_changed_day(before, after) or today, today)
            shown = await previews.preview(session, vault, before, after, on=on, tell=tell)
    if asked.json and asked.who:
        say_json_line({"preview": shown_counts(shown)})
    elif asked.json:
        say_json({"preview": shown_counts(shown)})
    else:
        for line in preview_lines(shown):
            say(line)
    return Exit.DONE


async def _listing(
    database: Database, asked: argparse.Namespace, now: datetime
) -> Callable[[Looked], None]:
    """What lists people as they are found, once the trail says that somebody looks."""
    async with database.transaction() as session:
        actor = await acting(session, asked.staff, Act.SEE_WHO_CHANGES)
        subject = audit.subject_of(actor.kind.value, actor.id)
        detail = {"file": asked.file.name}
        audit.record(session, "preview-listed", subject, actor=actor, now=now, detail=detail)
    return _as_json if asked.json else _as_lines


def _not_listed(_looked: Looked) -> None:
    pass


def _as_lines(looked: Looked) -> None:
    for scheme, effect in (looked.effects or {}).items():
        say(f"{looked.number}  {effect}  {scheme}")


def _as_json(looked: Looked) -> None:
    for scheme, effect in (looked.effects or {}).items():
        say_json_line({"account": looked.number, "effect": effect, "scheme": scheme})


async def _publish(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    text, now = read_text(asked.file), around.clock()
    vault = Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database, database.transaction() as session:
        actor = await acting(session, asked.staff, Act.ASK_RULES)
        row = await publishing.ask(
            session,
            asked.file.name,
            text,
            asked.reason,
            backdated=asked.backdated,
            actor=actor,
            now=now,
        )
        counted = await publishing.count(session, vault, row.id, now=now)
    for line in consequence_lines(counted):
        say(line)
    say(f"Asked. Another person decides at {around.settings.base_url}/staff/rules/changes.")
    return Exit.DONE


async def _history(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        published, waiting = await publishing.published(session), await publishing.waiting(session)
    rows = [
        (
            "" if row.number is None else str(row.number),
            row.file,
            row.state.value,
            "backdated" if row.backdated else "",
            f"asked by {row.asked_by_label}",
            f"approved by {row.decided_by_label}" if row.decided_by_label else "",
            row.text_digest[:12],
            row.reason,
        )
        for row in (*waiting, *published)
    ]
    if rows:
        say_table(rows)
    else:
        say("Nothing was published: the rules are those that come with the software.")
    return Exit.DONE


async def _replay(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    vault = Vault(open_keystore(settings))
    counts: Counter[Replayed] = Counter()
    different = []
    async with open_database(settings) as database, database.transaction() as session:
        account_id = None
        if asked.account:
            number = "".join(asked.account.split())
            account_id = await session.scalar(select(Account.id).where(Account.number == number))
            if account_id is None:
                raise NoSuchAccount("There is no account with that number.")
        async for each in replays.replay_all(session, vault, account_id=account_id):
            counts[each.outcome] += 1
            if each.outcome is Replayed.DIFFERENT:
                different.append((str(each.assessment_id), each.scheme))
    if asked.json:
        say_json({"counts": {str(each): counts[each] for each in Replayed}, "different": different})
    else:
        say(
            f"{counts[Replayed.SAME]} decisions came out the same, {counts[Replayed.DIFFERENT]} "
            f"different; of {counts[Replayed.NOT_KEPT]} older ones the facts were not kept."
        )
        say_table(different)
    return Exit.NO if different else Exit.DONE


def read_text(path: Path) -> str:
    """The text of a rule file.

    Raises:
        SchemesFaulty: it is not UTF-8 text.
        OSError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SchemesFaulty([f"{path.name}, line 1, column 1: it is not UTF-8 text"]) from None


def consequence_lines(counted: publishing.Consequences) -> Iterator[str]:
    """What a publication would do, line by line."""
    yield from counted.faults
    if counted.preview is not None:
        yield from preview_lines(counted.preview)
    if counted.decided_since:
        yield (
            f"{counted.decided_since} decisions were made for days it changes. They stay as they "
            "are; everybody is decided for anew as of today."
        )


def preview_lines(shown: Preview) -> Iterator[str]:
    """Counts, line by line: never people."""
    first = (
        f"first day changed: {shown.first_day}" if shown.first_day else "no day of a rule changes"
    )
    yield f"{shown.residents} residents decided for on {shown.on}; {first}"
    if shown.unreadable:
        yield f"{shown.unreadable} residents could not be decided for"
    for scheme, effects in shown.counts.items():
        said = ", ".join(f"{count} {effect}" for effect, count in effects.items())
        yield f"{scheme}: {said or 'nobody gains or loses'}"


def shown_counts(shown: Preview) -> dict[str, object]:
    """The counts as plain data."""
    return {
        "on": shown.on,
        "first_day": shown.first_day,
        "residents": shown.residents,
        "unreadable": shown.unreadable,
        "counts": shown.counts,
    }
