"""The parser of `kentcard`, and what becomes of errors."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from cardservice.cli import (
    accounts,
    applications,
    assisted,
    audit,
    backups,
    bureau,
    cards,
    clients,
    db,
    erasure,
    facts,
    keys,
    partners,
    reassess,
    renew,
    requests,
    schemes,
    serving,
    sip2,
    staff,
    status_lists,
    terminals,
)
from cardservice.cli.answers import Exit, complain
from cardservice.cli.subcommands import Commands
from cardservice.demo import main as play
from cardservice.errors import (
    BackupDamaged,
    BackupNotOpened,
    BadBureauKeys,
    BadComponent,
    BadLedger,
    BadLibraryMachine,
    BadSetUp,
    BadTerminalRole,
    BatchNotReady,
    BureauNameTaken,
    CardInHand,
    CardServiceError,
    CeremonyUnderWay,
    GenerationInUse,
    GenerationNeeded,
    LibraryMachineNameTaken,
    MoveNotAllowed,
    NoCeremony,
    NoSuchBatch,
    NoSuchBureau,
    NoSuchCard,
    NoSuchGeneration,
    NoSuchLibraryMachine,
    NoSuchRevision,
    NoSuchTerminal,
    NotACustodian,
    NothingToMake,
    NotTheirAct,
    NotTheirMove,
    RestoreRefused,
    TerminalNameTaken,
    WrongCheckValue,
)
from entitlements.errors import (
    EntitlementsError,
    NoSuchApplication,
    PublicationBackdated,
    PublicationUnchanged,
    PublicationWaits,
    SchemesFaulty,
    UnknownFact,
    UnknownScheme,
)
from entitlements.partner_errors import NoSuchOrganisation, OrganisationNameTaken
from identity.errors import (
    BadPostcode,
    IdentityError,
    InvalidDetails,
    KeyStoreExists,
    NoSuchAccount,
    NoSuchClient,
    WrongAccountState,
)
from readers.errors import ReadersError

OURS: Final = (CardServiceError, EntitlementsError, IdentityError, ReadersError)
CODES: Final[Mapping[type[Exception], Exit]] = {
    BadComponent: Exit.NO,
    BackupDamaged: Exit.NO,
    BackupNotOpened: Exit.NO,
    BadBureauKeys: Exit.USAGE,
    BadLedger: Exit.USAGE,
    BadLibraryMachine: Exit.USAGE,
    BadPostcode: Exit.USAGE,
    BadSetUp: Exit.USAGE,
    BadTerminalRole: Exit.USAGE,
    InvalidDetails: Exit.USAGE,
    NoSuchRevision: Exit.USAGE,
    BatchNotReady: Exit.NO,
    BureauNameTaken: Exit.NO,
    NoSuchBatch: Exit.NO,
    NoSuchBureau: Exit.NO,
    NothingToMake: Exit.NO,
    NotTheirAct: Exit.NO,
    RestoreRefused: Exit.NO,
    PublicationBackdated: Exit.NO,
    PublicationUnchanged: Exit.NO,
    PublicationWaits: Exit.NO,
    SchemesFaulty: Exit.NO,
    UnknownFact: Exit.USAGE,
    UnknownScheme: Exit.USAGE,
    CeremonyUnderWay: Exit.NO,
    GenerationInUse: Exit.NO,
    GenerationNeeded: Exit.NO,
    KeyStoreExists: Exit.NO,
    NoCeremony: Exit.NO,
    NoSuchGeneration: Exit.NO,
    NotACustodian: Exit.NO,
    WrongCheckValue: Exit.NO,
    NoSuchAccount: Exit.NO,
    NoSuchCard: Exit.NO,
    MoveNotAllowed: Exit.NO,
    NotTheirMove: Exit.NO,
    CardInHand: Exit.NO,
    NoSuchApplication: Exit.NO,
    NoSuchClient: Exit.NO,
    NoSuchOrganisation: Exit.NO,
    OrganisationNameTaken: Exit.NO,
    LibraryMachineNameTaken: Exit.NO,
    NoSuchLibraryMachine: Exit.NO,
    NoSuchTerminal: Exit.NO,
    TerminalNameTaken: Exit.NO,
    WrongAccountState: Exit.NO,
}
"""Errors that are no fault of the machine; every other one is."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    asked = parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except OURS as error:
        complain(str(error))
        return CODES.get(type(error), Exit.FAULT)
    except SQLAlchemyError as error:
        complain(f"The database does not answer as it should ({type(error).__name__}).")
        return Exit.FAULT
    except OSError as error:
        complain(f"{error.filename or 'This machine'}: {error.strerror or error}.")
        return Exit.FAULT
    except KeyboardInterrupt:
        return Exit.DONE


def parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    whole = argparse.ArgumentParser(
        prog="kentcard",
        description="The server of Kent Card.",
        epilog="Exit codes: 0 yes or done, 1 no, not yet or unknown, 2 wrong usage, 3 a fault.",
    )
    whole.add_argument("--config", type=Path, help="a TOML file with settings")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        *(serving, db, staff, requests, assisted, accounts, clients, schemes, facts, reassess),
        *(applications, cards, partners, terminals, sip2, keys, status_lists, audit, erasure),
        *(bureau, renew, backups),
    ):
        module.add_to(commands)
    _add_demo(commands)
    return whole


def _add_demo(commands: Commands) -> None:
    command = commands.add_parser("demo", help="play the main job from end to end, and stay up")
    play.add_arguments(command)
    command.set_defaults(run=play.run)
