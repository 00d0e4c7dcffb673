"""What is held of cards, taps and what people may have."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from cardservice.bus_pass_models import LinkedBusPass
from cardservice.charge_models import Charge, Payment
from cardservice.front_desk_models import DeskTap
from cardservice.holdings.holding import (
    CLAIMS,
    COMPLAINTS,
    NEEDED_NO_LONGER,
    SIX_YEARS,
    YEAR,
    Fate,
    Holding,
    LawfulBasis,
    Period,
    Topic,
)
from cardservice.models import Card, CardOrder, CardSession, EnrolmentCode, Phone, Tap, TapConflict
from cardservice.photo_models import Photo, PhotoStage
from cardservice.photos import WHOLE_KEPT
from cardservice.progress import KEPT
from cardservice.progress_models import Progress
from cardservice.reconciliation_models import TapFinding
from cardservice.settings import TAPS_DAYS
from entitlements.models import Assessment, FedFact, Grant, Holder, ServiceNumber, ServiceRecord
from identity.grounds import Ground
from readers.contract.services import Service

TAPS_KEPT: Final = timedelta(days=TAPS_DAYS)
_TAPS: Final = "UK GDPR Article 5(1)(c) and (e): afterwards only the day of the last use is kept"


def _taps_of(person: UUID) -> ColumnElement[bool]:
    """By the places in the status lists that the person's records ever had."""
    return (
        select(ServiceRecord.id)
        .where(
            ServiceRecord.account_id == person,
            ServiceRecord.service == Tap.service,
            ServiceRecord.status_index == Tap.status_index,
        )
        .exists()
    )


def _conflicts_of(person: UUID) -> ColumnElement[bool]:
    return (
        select(Tap.sequence)
        .where(
            Tap.terminal_id == TapConflict.terminal_id,
            Tap.sequence == TapConflict.sequence,
            _taps_of(person),
        )
        .exists()
    )


def _findings_of(person: UUID) -> ColumnElement[bool]:
    return (
        select(Tap.sequence)
        .where(
            Tap.terminal_id == TapFinding.terminal_id,
            Tap.sequence.between(TapFinding.first_sequence, TapFinding.last_sequence),
            _taps_of(person),
        )
        .exists()
    )


def _cards_of(person: UUID) -> Select[UUID]:
    return select(Card.id).where(Card.account_id == person)


def _charges_of(person: UUID) -> Select[UUID]:
    return select(Charge.id).where(Charge.account_id == person)


HOLDINGS: Final = (
    Holding(
        model=Assessment,
        topic=Topic.CARD,
        what="What each scheme's rules said about you, and on which facts",
        of=lambda person: Assessment.account_id == person,
        period=Period(
            YEAR,
            "another answer took its place",
            lambda cut: Assessment.superseded_at < cut,
            COMPLAINTS,
        ),
    ),
    Holding(
        model=Grant,
        topic=Topic.CARD,
        what="Travel concessions you were given",
        of=lambda person: (Grant.account_id == person) & (Grant.service == Service.TRAVEL),
        fate=Fate.KEPT,
        ground=Ground.TRAVEL_RECORDS,
        period=Period(
            SIX_YEARS,
            "it ended",
            lambda cut: (Grant.service == Service.TRAVEL) & (Grant.ended_at < cut),
            CLAIMS,
        ),
    ),
    Holding(
        model=Grant,
        topic=Topic.CARD,
        what="Library, leisure and other memberships you were given",
        of=lambda person: (
            (Grant.account_id == person) & Grant.service.is_distinct_from(Service.TRAVEL)
        ),
        period=Period(
            SIX_YEARS,
            "it ended",
            lambda cut: Grant.service.is_distinct_from(Service.TRAVEL) & (Grant.ended_at < cut),
            CLAIMS,
        ),
    ),
    Holding(
        model=FedFact,
        topic=Topic.CARD,
        what="What another system or an officer told us, such as what you owe a library",
        of=lambda person: FedFact.account_id == person,
        period=Period(
            YEAR,
            "something else was told",
            lambda cut: FedFact.superseded_at < cut,
            COMPLAINTS,
        ),
    ),
    Holding(
        model=Holder,
        topic=Topic.CARD,
        what="Whether your card must be brought up to date",
        of=lambda person: Holder.account_id == person,
    ),
    Holding(
        model=Card,
        topic=Topic.CARD,
        what="Your cards: the chip's number, until when each lasts, whether it is in use, lost or "
        "replaced, and the crime reference of a stolen one",
        of=lambda person: Card.account_id == person,
        fate=Fate.EMPTIED,
        ground=Ground.SAFE_CARDS,
        cleared={
            "sealed_uid": None,
            "uid_index": None,
            "key_generations": None,
            "sealed_crime_reference": None,
            "strip": None,
        },
    ),
    Holding(
        model=Charge,
        topic=Topic.CARD,
        what="What you were charged for another card, and whether you paid it",
        of=lambda person: Charge.account_id == person,
        fate=Fate.KEPT,
        ground=Ground.PAYMENTS,
        period=Period(SIX_YEARS, "it was settled", lambda cut: Charge.settled_at < cut, CLAIMS),
    ),
    Holding(
        model=Payment,
        topic=Topic.CARD,
        what="Payments you began on GOV.UK Pay; never a number of a bank card",
        of=lambda person: Payment.charge_id.in_(_charges_of(person)),
        fate=Fate.KEPT,
        ground=Ground.PAYMENTS,
        period=Period(
            SIX_YEARS,
            "what they were for was settled",
            lambda cut: Payment.charge_id.in_(select(Charge.id).where(Charge.settled_at < cut)),
            CLAIMS,
        ),
    ),
    Holding(
        model=Photo,
        topic=Topic.CARD,
        what="The photo that is printed on your card",
        of=lambda person: (Photo.account_id == person) & (Photo.stage == PhotoStage.CARD),
    ),
    Holding(
        model=Photo,
        topic=Topic.CARD,
        what="The whole picture your photo is cut from, while that is done",
        of=lambda person: (Photo.account_id == person) & (Photo.stage == PhotoStage.WHOLE),
        period=Period(
            WHOLE_KEPT,
            "it was taken",
            lambda cut: (Photo.stage == PhotoStage.WHOLE) & (Photo.added_at < cut),
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=Phone,
        topic=Topic.CARD,
        what="Whether you show codes on a phone, and since when; nothing about the phone itself",
        of=lambda person: Phone.account_id == person,
        period=Period(YEAR, "it was reported lost", lambda cut: Phone.ended_at < cut, COMPLAINTS),
    ),
    Holding(
        model=LinkedBusPass,
        topic=Topic.CARD,
        what="The numbers of bus passes of other issuers that you asked us to link",
        of=lambda person: LinkedBusPass.account_id == person,
    ),
    Holding(
        model=DeskTap,
        topic=Topic.TECHNICAL,
        what="That your card was laid on the reader of a desk, so that the clerk there saw you",
        of=lambda person: DeskTap.account_id == person,
        period=Period(
            timedelta(days=1),
            "you tapped",
            lambda cut: DeskTap.tapped_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=ServiceNumber,
        topic=Topic.CARD,
        what="Your number with each service, and the day it was last used",
        of=lambda person: ServiceNumber.account_id == person,
        fate=Fate.KEPT,
        ground=Ground.SAFE_CARDS,
        cleared={"last_used_on": None},
    ),
    Holding(
        model=ServiceRecord,
        topic=Topic.CARD,
        what="What is written on your card, and whether readers must refuse it",
        of=lambda person: ServiceRecord.account_id == person,
        fate=Fate.KEPT,
        ground=Ground.SAFE_CARDS,
        cleared={"entitlement_class": None, "valid_from": None, "valid_until": None},
    ),
    Holding(
        model=Progress,
        topic=Topic.CARD,
        what="How the making of your card went, step by step, for the desk",
        of=lambda person: Progress.order_id.in_(
            select(CardOrder.id).where(CardOrder.card_id.in_(_cards_of(person)))
        ),
        period=Period(
            KEPT, "the card was laid", lambda cut: Progress.began_at < cut, NEEDED_NO_LONGER
        ),
    ),
    Holding(
        model=CardOrder,
        topic=Topic.CARD,
        what="When a card was ordered for you, and at which desk",
        of=lambda person: CardOrder.card_id.in_(_cards_of(person)),
        period=Period(YEAR, "it was made", lambda cut: CardOrder.closed_at < cut, COMPLAINTS),
    ),
    Holding(
        model=CardSession,
        topic=Topic.CARD,
        what="When your card was written, and at which reader",
        of=lambda person: CardSession.card_id.in_(_cards_of(person)),
        period=Period(YEAR, "it was written", lambda cut: CardSession.ended_at < cut, COMPLAINTS),
    ),
    Holding(
        model=Tap,
        topic=Topic.CARD,
        what="When and where you tapped your card, and what the reader answered",
        of=_taps_of,
        fate=Fate.KEPT,
        ground=Ground.AUDIT_TRAIL,
        period=Period(TAPS_KEPT, "the tap reached us", lambda cut: Tap.received_at < cut, _TAPS),
    ),
    Holding(
        model=TapConflict,
        topic=Topic.CARD,
        what="Taps that a reader sent twice with different contents",
        of=_conflicts_of,
        fate=Fate.KEPT,
        ground=Ground.AUDIT_TRAIL,
        period=Period(
            TAPS_KEPT, "the tap reached us", lambda cut: TapConflict.received_at < cut, _TAPS
        ),
    ),
    Holding(
        model=TapFinding,
        topic=Topic.CARD,
        what="That taps at a reader did not add up, and what a member of staff found out",
        of=_findings_of,
        fate=Fate.KEPT,
        ground=Ground.AUDIT_TRAIL,
        period=Period(YEAR, "it was closed", lambda cut: TapFinding.closed_at < cut, COMPLAINTS),
    ),
    Holding(
        model=EnrolmentCode,
        topic=Topic.TECHNICAL,
        what="Codes by which readers join; nothing about residents",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(days=30),
            "the code ran out",
            lambda cut: EnrolmentCode.expires_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
)
