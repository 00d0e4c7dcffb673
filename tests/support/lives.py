"""Somebody with something in every table that can hold something of theirs."""

from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bus_passes, charges, issuance, phones, photos
from cardservice.bureau_models import BatchRow, BatchState, Bureau, ProductionBatch, RowState
from cardservice.card_sessions import UID_FIELD
from cardservice.charge_causes import Cause
from cardservice.charge_models import Payment
from cardservice.database import Database
from cardservice.front_desk_models import DeskTap
from cardservice.models import Card, CardOrder, CardSession, Tap, TapConflict
from cardservice.pairing_models import Pairing
from cardservice.photo_models import PhotoStage
from cardservice.progress_models import Progress
from cardservice.reconciliation_models import FindingKind, TapFinding
from cardservice.renewal_models import Renewal, RenewalRun, RenewalState
from cardservice.renewal_rules import Asking
from entitlements import (
    applying,
    assessing,
    carriers,
    conclusions,
    feeds,
    issuing,
    judging,
    looking_up,
    organisations,
    sending,
    subjects,
)
from entitlements import grants as grants_of
from entitlements.applying import NotOpen
from entitlements.cleaning.media import Clean, Media
from entitlements.event_models import EventType, PartnerEvent
from entitlements.evidence_models import ApplicationEvidence, EndNotice, ProofNotice
from entitlements.issuing import Carrier
from entitlements.models import ServiceRecord
from entitlements.redemption_models import Redemption
from entitlements.wanted import Said
from identity import (
    accounts,
    assisted,
    corrections,
    devices,
    four_eyes,
    outbox,
    passwords,
    person_keys,
    resident_password,
    sealed,
    sessions,
    signin,
    staff,
)
from identity.actors import Actor, resident_actor, staff_actor
from identity.addresses import AddressChange
from identity.assisted import NotOpened, Wanted
from identity.contacts import Channel, Contact
from identity.corrections import Correction
from identity.db import new_id
from identity.details import NewAddress, NewResident
from identity.devices import Browser
from identity.evidence import DocumentShown, Proof
from identity.keys import FileKeyStore
from identity.likeness import forms_of, words_of
from identity.models import Account, Guardian, PossibleDuplicate, StaffRole
from identity.oidc import clients, consents, grants
from identity.oidc.clients import Client
from identity.oidc.grants import SignIn
from identity.oidc.models import Basis, ClientAuth, OidcGrant, OidcRefreshToken
from identity.oidc.parameters import Parameters
from identity.oidc.registration import NewClient
from identity.personal import Vault
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import (
    AccountPassword,
    AccountRecoveryCode,
    AccountTotp,
    ActivationCode,
    LostFactor,
    Passkey,
    PendingRegistration,
    SessionKind,
    SignInMethod,
)
from readers.card.itso import ISSUER, check_digit
from readers.contract.services import Service
from readers.contract.wire import Mode, SessionResult
from readers.contract.wire import Purpose as TerminalPurpose
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, COUNCIL_TAX, NOW, PASSPORT

SUPERVISOR: Final[Actor] = staff_actor(UUID("7c6f3a52-6f0c-4f7e-9a56-0d3c8b1f2a22"), "Omar Reed")
WILL: Final = NewResident(
    given_names="Wilhelmina",
    family_name="Brockbank",
    birth_date=date(1951, 3, 9),
    address_lines=("17 Quarry Rise", "Faversham"),
    postcode="ME13 7AA",
    email="will.brockbank@example.net",
    identity_document=PASSPORT,
    address_document=COUNCIL_TAX,
)
NEW_HOME: Final = NewAddress(address_lines=("3 Hopfield Gardens", "Tonbridge"), postcode="TN9 1BH")
NEW_NAME: Final = "Marchbanks"
CRIME_REFERENCE: Final = "46/118822/26"
REFERENCE: Final = "KT4417QX09"
"""Under which another register knows them."""
FIREFOX: Final = Browser("Firefox on Windows", "the-device-of-wilhelmina")
LETTER: Final = DocumentShown("pip-moving-around", dated_on=date(2026, 11, 1))
MOBILE: Final = "+447700900461"
"""As it is kept."""
SITE: Final = NewClient(
    name="Example Leisure",
    basis=Basis.CONSENT,
    auth=ClientAuth.CLIENT_SECRET_BASIC,
    scopes=("openid", "profile", "email"),
    redirect_uris=("https://leisure.example/callback",),
    backchannel_logout_uri="https://leisure.example/logout",
)


async def site(session: AsyncSession) -> Client:
    """A partner to which residents sign in, and which wants to be told when they sign out."""
    made = await clients.add(session, SITE, actor=CLERK, now=NOW)
    found = await clients.find(session, made.client_id)
    assert found is not None
    return found


async def a_full_life(
    database: Database, vault: Vault, store: FileKeyStore, who: NewResident, partner: Client
) -> UUID:
    """Register somebody and let them have a bit of everything."""
    async with database.transaction() as session:
        account = await accounts.register(session, vault, who, actor=CLERK, now=NOW)
        person = account.id
        await accounts.person(session, vault, person, actor=CLERK, reason="At the desk", now=NOW)
        await accounts.sight_document(
            session, vault, person, LETTER, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        moved = AddressChange(address=NEW_HOME, moved_on=NOW.date(), document=COUNCIL_TAX)
        await assessing.move_home(session, vault, person, moved, actor=CLERK, now=NOW)
        await _evidence(session, vault, person)
        applied = await applying.start(
            session, vault, person, "travel-companion", actor=CLERK, now=NOW
        )
        assert not isinstance(applied, NotOpen)
        await feeds.tell(session, vault, person, "library_debt", value=321, actor=CLERK, now=NOW)
        await _a_card(session, vault, store, person)
        for stage in PhotoStage:
            picture = b"a photo of " + person.bytes
            await photos.keep(session, vault, person, stage, picture, actor=CLERK, now=NOW)
        await phones.begin(session, person, actor=CLERK, now=NOW)
        await _redeemed(session, person)
        await bus_passes.link(
            session, vault, person, isrn_of(person), read=True, actor=CLERK, now=NOW
        )
    async with database.transaction() as session:
        await _signed_in(session, vault, person, who.email, partner)
    async with database.transaction() as session:
        await _registered_like_others(session, vault, person)
        wanted = Correction(
            given_names=who.given_names,
            family_name=NEW_NAME,
            birth_date=who.birth_date,
            document=PASSPORT,
        )
        asked = await corrections.request(session, vault, person, wanted, actor=CLERK, now=NOW)
        await four_eyes.refuse(session, vault, asked.id, "No", actor=SUPERVISOR, now=NOW)
        await corrections.request(session, vault, person, wanted, actor=CLERK, now=NOW)
        await _acted_for(session, vault, person, account.number)
    return person


async def _registered_like_others(session: AsyncSession, vault: Vault, person: UUID) -> None:
    """As if they had registered themselves, with a guardian; and they resemble somebody."""
    personal = await person_keys.for_writing(session, vault, person)
    reached = sealed.contact_columns(vault, personal, person, Contact(Channel.MOBILE, MOBILE))
    await session.execute(update(Account).where(Account.id == person).values(**reached))
    outbox.queue(session, vault, MOBILE, "sign-in-code", "A text message", now=NOW)
    session.add(
        PendingRegistration(
            token_hash=person.bytes * 2,
            sealed_answers=vault.seal("pending_registration", "sealed_answers", person, "{}"),
            started_at=NOW,
            seen_at=NOW,
            expires_at=NOW,
            account_id=person,
            finished_at=NOW,
        )
    )
    session.add(
        ActivationCode(
            account_id=person,
            code_hash=person.bytes * 2,
            given_at=NOW,
            given_by_id=CLERK.id,
            expires_at=NOW,
        )
    )
    other = await session.scalar(select(Account.id).where(Account.id != person))
    if other is None:
        return
    session.add(PossibleDuplicate(account_id=person, other_id=other, found_at=NOW))
    row_id = new_id()
    session.add(
        Guardian(
            id=row_id,
            account_id=person,
            guardian_account_id=other,
            sealed_guardian=personal.seal("guardian", "sealed_guardian", row_id, '{"name": "G"}'),
            recorded_at=NOW,
            recorded_by_id=CLERK.id,
        )
    )
    await session.flush()


async def _acted_for(session: AsyncSession, vault: Vault, person: UUID, number: str) -> None:
    """A member of staff acted for them; and they are one themselves."""
    clerk = await staff.add(
        session,
        f"clerk-{number}",
        "Clerk",
        StaffRole.ADVISER,
        "turnip lantern oxbow river",
        actor=CLERK,
        now=NOW,
    )
    token = await sessions.open_session(session, clerk.id, SessionKind.STAFF, now=NOW)
    own = await sessions.look_up(session, token, now=NOW)
    assert isinstance(own, SignedInSession)
    begun = await assisted.open_for(
        session,
        vault,
        person,
        Wanted(reason="other", note="A note of theirs", presence="letter"),
        own=own,
        life=timedelta(minutes=20),
        now=NOW,
    )
    assert not isinstance(begun, NotOpened)
    await assisted.set_own_account(session, clerk.id, number, actor=CLERK, now=NOW)
    await _at_a_front_desk(session, person, own)


async def _at_a_front_desk(session: AsyncSession, person: UUID, own: SignedInSession) -> None:
    """Their card was laid on the reader that serves this clerk."""
    desk = await enrolled_desk(session, f"front desk {person}", now=NOW)
    pairing = Pairing(
        terminal_id=desk.id, session_id=own.session_id, staff_id=own.subject_id, begun_at=NOW
    )
    session.add(pairing)
    await session.flush()
    session.add(DeskTap(pairing_id=pairing.id, account_id=person, tapped_at=NOW))
    await session.flush()


async def _evidence(session: AsyncSession, vault: Vault, person: UUID) -> None:
    """A file sent with an application that they took back; and they were told of an end."""
    scheme = "travel-companion"
    applied = await applying.start(session, vault, person, scheme, actor=CLERK, now=NOW)
    assert not isinstance(applied, NotOpen)
    await applying.submit(session, vault, person, applied.reference, actor=CLERK, now=NOW)
    clean = Clean(Media.JPEG, 1, b"a picture of " + person.bytes)
    said = Said("blue-badge", Proof.DISABILITY)
    sent = await sending.send_file(session, vault, applied, clean, said, actor=CLERK, now=NOW)
    assert isinstance(sent, ApplicationEvidence)
    why, keep = "The date cannot be read", timedelta(days=28)
    await judging.refuse(session, vault, applied, sent.id, why, keep=keep, actor=CLERK, now=NOW)
    asked = await looking_up.give(
        session, vault, applied, "blue-badge", REFERENCE, actor=CLERK, now=NOW
    )
    assert isinstance(asked, ApplicationEvidence)
    await conclusions.withdraw(session, vault, applied, actor=CLERK, now=NOW)
    session.add(ProofNotice(account_id=person, over_on=NOW.date(), days=7, told_at=NOW))
    held = (await grants_of.current(session, person, NOW.date()))[0]
    session.add(EndNotice(grant_id=held.id, days=7, account_id=person, told_at=NOW))
    await session.flush()


async def _a_card(session: AsyncSession, vault: Vault, store: FileKeyStore, person: UUID) -> None:
    desk = await enrolled_desk(session, f"desk {person}", now=NOW)
    await issuance.order(session, vault, person, desk.id, actor=CLERK, now=NOW)
    card = await make_ordered_card(session, vault, str(person), now=NOW)
    await _made_step_by_step(session, card.id, desk.id)
    personal = await person_keys.for_writing(session, vault, person)
    card.sealed_uid = personal.seal("card", "sealed_uid", card.id, uid_of(card).hex())
    card.uid_index = vault.blind(UID_FIELD, uid_of(card).hex())
    session.add(
        CardSession(
            card_id=card.id,
            terminal_id=desk.id,
            purpose=TerminalPurpose.PERSONALISE,
            opened_at=NOW,
            ended_at=NOW,
            result=SessionResult.DONE,
        )
    )
    await issuing.issue_records(
        session,
        store,
        Carrier(person, card.id, uid_of(card)),
        institution="1234",
        everything=True,
        actor=CLERK,
        now=NOW,
    )
    await carriers.announce(session, vault, person, card.id, institution="1234", now=NOW)
    await session.flush()
    await _charged(session, vault, card)
    await _in_bulk(session, card)
    for record in await issuing.records_of(session, card.id):
        await _a_tap(session, desk.id, record, person)


async def _in_bulk(session: AsyncSession, card: Card) -> None:
    """In a batch that is done, and asked whether they want another card."""
    bureau = Bureau(
        name=f"bureau of {card.account_id}", sealing_key=b"", signing_key=b"", created_at=NOW
    )
    batch = ProductionBatch(
        bureau_id=bureau.id,
        product=card.product,
        state=BatchState.CANCELLED,
        made_at=NOW,
        made_by_id=CLERK.id,
        made_by_label=CLERK.label,
        closed_at=NOW,
    )
    found = select(RenewalRun).where(RenewalRun.expires_on == NOW.date())
    run = await session.scalar(found) or RenewalRun(expires_on=NOW.date(), asked_at=NOW)
    session.add_all((bureau, run))
    await session.flush()
    session.add(batch)
    await session.flush()
    session.add(BatchRow(batch_id=batch.id, number=1, card_id=card.id, state=RowState.WITHDRAWN))
    session.add(
        Renewal(
            card_id=card.id,
            run_id=run.id,
            account_id=card.account_id,
            state=RenewalState.ASKED,
            reasons=[Asking.USE_NOT_KNOWN.value],
            decided_at=NOW,
        )
    )
    await session.flush()


async def _charged(session: AsyncSession, vault: Vault, card: Card) -> None:
    """As if it had taken the place of a stolen one, and its holder had begun to pay."""
    personal = await person_keys.for_writing(session, vault, card.account_id)
    card.sealed_crime_reference = personal.seal(
        "card", "sealed_crime_reference", card.id, CRIME_REFERENCE
    )
    charge = await charges.charge_for(
        session, card, Cause.STOLEN, has_crime_reference=False, actor=CLERK, now=NOW
    )
    assert charge is not None
    session.add(
        Payment(charge_id=charge.id, begun_at=NOW, asked_at=NOW, provider_id=f"pay {card.id.hex}")
    )
    await session.flush()


async def _made_step_by_step(session: AsyncSession, card_id: UUID, desk_id: UUID) -> None:
    """As if a clerk's reader had made it."""
    order_id = await session.scalar(select(CardOrder.id).where(CardOrder.card_id == card_id))
    clerk = await staff.add(
        session,
        f"maker-{card_id}",
        "Maker",
        StaffRole.CARD_OFFICER,
        "turnip lantern oxbow river",
        actor=CLERK,
        now=NOW,
    )
    pair = Pairing(terminal_id=desk_id, session_id=new_id(), staff_id=clerk.id, begun_at=NOW)
    session.add(pair)
    await session.flush()
    session.add(Progress(pairing_id=pair.id, order_id=order_id, began_at=NOW, stage_at=NOW))
    await session.flush()


def uid_of(card: Card) -> bytes:
    """Of the chip: nothing else in the database is like it."""
    return sha256(card.id.bytes).digest()[:7]


def isrn_of(person: UUID) -> str:
    """Of a bus pass that nobody else has."""
    digits = f"{ISSUER}0289{person.int % 10**7:07d}"
    return digits + check_digit(digits)


async def _redeemed(session: AsyncSession, person: UUID) -> None:
    """At a partner of their own, which knows them by a name."""
    partner = await organisations.add(session, f"Partner of {person}", [], actor=CLERK, now=NOW)
    subject = await subjects.of_account(session, partner.id, person, now=NOW)
    session.add(
        PartnerEvent(
            organisation_id=partner.id, type=EventType.CARD_STOPPED, at=NOW, subject=subject
        )
    )
    session.add(
        Redemption(
            organisation_id=partner.id,
            subject=subject,
            scheme="offer-theatre",
            year=NOW.year,
            first=True,
            percent_off=25,
            companions=0,
            held_at=NOW,
            expires_at=NOW,
        )
    )


async def _a_tap(session: AsyncSession, desk_id: UUID, record: ServiceRecord, person: UUID) -> None:
    numbers = await issuing.numbers_of(session, person)
    sequence = list(Service).index(record.service) + 1
    session.add(
        Tap(
            terminal_id=desk_id,
            sequence=sequence,
            taken_at=NOW,
            received_at=NOW,
            service=record.service,
            accepted=True,
            mode=Mode.OFFLINE,
            number=numbers.get(record.service),
            status_index=record.status_index,
            record_sequence=record.sequence,
            digest=bytes(32),
        )
    )
    await session.flush()
    session.add(
        TapConflict(
            terminal_id=desk_id,
            sequence=sequence,
            received_at=NOW,
            digest=bytes([1]) * 32,
            event={"status_index": record.status_index},
        )
    )
    session.add(
        TapFinding(
            kind=FindingKind.DUPLICATE,
            terminal_id=desk_id,
            first_sequence=sequence,
            last_sequence=sequence,
            found_at=NOW,
            closed_at=NOW,
            closed_by="s-1",
            note="the reader was restored from a copy",
        )
    )


async def _signed_in(
    session: AsyncSession, vault: Vault, person: UUID, email: str, partner: Client
) -> None:
    """By code, password and passkey, here and at a partner; one wrong password, one code waits."""
    account = await session.get_one(Account, person)
    method = SignInMethod.EMAIL_CODE
    signed = await devices.sign_in(session, vault, account, method, FIREFOX, now=NOW)
    assert isinstance(signed, SignedIn)
    session.add(
        AccountPassword(
            account_id=person,
            password_hash=await passwords.hash_password("a long pass phrase of hers"),
            changed_at=NOW,
        )
    )
    session.add(
        Passkey(
            account_id=person,
            credential_id=b"credential of " + person.bytes,
            public_key=b"key of " + person.bytes,
            sign_count=0,
            name="Phone",
            created_at=NOW,
        )
    )
    session.add(AccountTotp(owner_id=person, sealed_secret=b"", last_step=0, enrolled_at=NOW))
    session.add(AccountRecoveryCode(owner_id=person, code_index=person.bytes * 2, created_at=NOW))
    session.add(LostFactor(account_id=person, asked_at=NOW, granted_from=NOW))
    await session.flush()
    for browser in (FIREFOX, Browser("Chrome", "of-a-stranger")):
        await resident_password.sign_in(
            session, vault, email, "a wrong pass phrase", browser=browser, now=NOW
        )
    await signin.send_code(session, vault, email, now=NOW)
    actor = resident_actor(person, account.number)
    sign_in = SignIn(account_id=person, actor=actor, token=signed.token, at=NOW)
    scopes = ("openid", "email")
    await consents.record(session, person, partner, scopes, actor=actor, now=NOW)
    asked = Parameters({"redirect_uri": SITE.redirect_uris[0]})
    await grants.open_grant(session, partner, sign_in, scopes, asked, now=NOW)
    opened = select(OidcGrant.id).where(OidcGrant.account_id == person)
    session.add(
        OidcRefreshToken(
            token_hash=person.bytes * 2,
            grant_id=(await session.scalars(opened)).one(),
            dpop_thumbprint=None,
            created_at=NOW,
        )
    )
    await sessions.open_session(session, person, SessionKind.RESIDENT, now=NOW)


def values_of(vault: Vault, who: NewResident) -> dict[str, bytes]:
    """What nobody may find any more: values, and every blind index of them."""
    born = who.birth_date.isoformat() if isinstance(who.birth_date, date) else who.birth_date
    plain = {
        "given names": who.given_names,
        "family name": who.family_name,
        "asked-for name": NEW_NAME,
        "birth date": born,
        "e-mail": who.email,
        "mobile": MOBILE,
        "local part": who.email.partition("@")[0],
        "first address": who.address_lines[0],
        "postcode": who.postcode,
        "second address": NEW_HOME.address_lines[0],
        "new postcode": NEW_HOME.postcode,
        "reference": REFERENCE,
        "document": str(LETTER.dated_on),
        "browser": FIREFOX.name,
    }
    blind = {
        "birth date index": vault.blind("birth-date", born),
        "mobile index": vault.blind("mobile", MOBILE),
        "e-mail index": vault.blind("email", who.email),
        "postcode index": vault.blind("postcode", who.postcode),
        "new postcode index": vault.blind("postcode", NEW_HOME.postcode),
        "device": devices.hash_of(FIREFOX),
    }
    for word in words_of(who.given_names, who.family_name):
        blind[f"index of {word}"] = vault.blind("name-part", word)[:16]
        for form in forms_of(word):
            blind[f"form {form} of {word}"] = vault.blind("name-form", form)[:16]
    return {name: text.encode() for name, text in plain.items()} | blind


def card_values(vault: Vault, card: Card) -> dict[str, bytes]:
    """The same of a card."""
    uid = uid_of(card).hex()
    isrn = isrn_of(card.account_id)
    return {
        "uid": uid.encode(),
        "uid index": vault.blind(UID_FIELD, uid),
        "crime reference": CRIME_REFERENCE.encode(),
        "bus pass": isrn.encode(),
        "bus pass index": vault.blind(bus_passes.ISRN_FIELD, isrn),
    }


MINUTE: Final = timedelta(minutes=1)
AFTER: Final[datetime] = NOW + timedelta(days=15)
"""When the time to stop an erasure that was asked for at NOW is over."""
