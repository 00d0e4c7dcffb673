"""What is held of the ways people sign in."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select

from cardservice.holdings.holding import (
    NEEDED_NO_LONGER,
    Holding,
    LawfulBasis,
    Period,
    Topic,
)
from cardservice.holdings.sites import GRANTS_KEPT, grant_is_over
from identity.oidc.models import OidcGrant
from identity.registrations import over
from identity.signin_models import (
    AccountPassword,
    AccountRecoveryCode,
    AccountTotp,
    ActivationCode,
    KnownDevice,
    LostFactor,
    NetworkThrottle,
    OneTimeCode,
    Passkey,
    PendingRegistration,
    Session,
    SignInThrottle,
    SpentChallenge,
    StaffDevice,
    StaffSignIn,
)
from identity.throttle import MOST_FAILURES

SESSIONS_KEPT: Final = timedelta(days=90)
_DAY: Final = timedelta(days=1)


def _session_is_over(cut: datetime) -> ColumnElement[bool]:
    """Not while a site's sign-in that is kept refers to it."""
    kept = ~grant_is_over(cut + SESSIONS_KEPT - GRANTS_KEPT)
    of_session = OidcGrant.session_hash == Session.token_hash
    used = select(OidcGrant.id).where(of_session, kept).exists()
    return ((Session.absolute_until < cut) | (Session.ended_at < cut)) & ~used


HOLDINGS: Final = (
    Holding(
        model=Session,
        topic=Topic.SIGN_IN,
        what="When you signed in, how and with which browser",
        basis=LawfulBasis.SECURITY,
        of=lambda person: Session.account_id == person,
        period=Period(SESSIONS_KEPT, "the sign-in ended", _session_is_over, NEEDED_NO_LONGER),
    ),
    Holding(
        model=KnownDevice,
        topic=Topic.SIGN_IN,
        what="Browsers you have signed in with, so that you are told of a new one",
        basis=LawfulBasis.SECURITY,
        of=lambda person: KnownDevice.account_id == person,
        period=Period(
            timedelta(days=365),
            "you last used it",
            lambda cut: KnownDevice.last_seen_at < cut,
            "As long as the cookie that goes with it",
        ),
    ),
    Holding(
        model=AccountPassword,
        topic=Topic.SIGN_IN,
        what="Your password, scrambled, if you chose one",
        basis=LawfulBasis.SECURITY,
        of=lambda person: AccountPassword.account_id == person,
    ),
    Holding(
        model=Passkey,
        topic=Topic.SIGN_IN,
        what="Your passkeys: their names and public halves, if you added any",
        basis=LawfulBasis.SECURITY,
        of=lambda person: Passkey.account_id == person,
    ),
    Holding(
        model=AccountTotp,
        topic=Topic.SIGN_IN,
        what="The secret you share with your authenticator app, if you have one",
        basis=LawfulBasis.SECURITY,
        of=lambda person: AccountTotp.owner_id == person,
    ),
    Holding(
        model=AccountRecoveryCode,
        topic=Topic.SIGN_IN,
        what="Your recovery codes, scrambled",
        basis=LawfulBasis.SECURITY,
        of=lambda person: AccountRecoveryCode.owner_id == person,
    ),
    Holding(
        model=LostFactor,
        topic=Topic.SIGN_IN,
        what="That you told us you lost your authenticator app and codes",
        basis=LawfulBasis.SECURITY,
        of=lambda person: LostFactor.account_id == person,
    ),
    Holding(
        model=OneTimeCode,
        topic=Topic.SIGN_IN,
        what="That a sign-in code was sent to you; the code itself is scrambled",
        basis=LawfulBasis.SECURITY,
        of=lambda person: OneTimeCode.account_id == person,
        period=Period(
            _DAY, "the code ran out", lambda cut: OneTimeCode.expires_at < cut, NEEDED_NO_LONGER
        ),
    ),
    Holding(
        model=ActivationCode,
        topic=Topic.SIGN_IN,
        what="That a desk gave you an activation code; the code itself is scrambled",
        basis=LawfulBasis.SECURITY,
        of=lambda person: ActivationCode.account_id == person,
        period=Period(
            SESSIONS_KEPT,
            "the code ran out",
            lambda cut: ActivationCode.expires_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=PendingRegistration,
        topic=Topic.SIGN_IN,
        what="What you typed to register, locked, until the account is made",
        of=lambda person: PendingRegistration.account_id == person,
        period=Period(
            _DAY,
            "it was begun",
            lambda cut: (PendingRegistration.started_at < cut) & over(),
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=SignInThrottle,
        topic=Topic.TECHNICAL,
        what="How many wrong passwords were tried, for a scrambled address",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(days=30),
            "the last wait was over",
            lambda cut: (SignInThrottle.retry_at < cut) & (SignInThrottle.failures < MOST_FAILURES),
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=NetworkThrottle,
        topic=Topic.TECHNICAL,
        what="How often sign-ins from a network failed, for a scrambled address",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(0),
            "two minutes have passed",
            lambda cut: NetworkThrottle.empty_at <= cut,
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=StaffDevice,
        topic=Topic.TECHNICAL,
        what="Browsers that staff signed in with; nothing about residents",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(days=365),
            "they last used it",
            lambda cut: StaffDevice.last_seen_at < cut,
            "As long as the cookie that goes with it",
        ),
    ),
    Holding(
        model=SpentChallenge,
        topic=Topic.TECHNICAL,
        what="Questions that a passkey has answered, so that no answer counts twice",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(0),
            "they run out",
            lambda cut: SpentChallenge.expires_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=StaffSignIn,
        topic=Topic.TECHNICAL,
        what="Sign-ins of staff that were not finished; nothing about residents",
        basis=LawfulBasis.SECURITY,
        period=Period(
            _DAY, "it ran out", lambda cut: StaffSignIn.expires_at < cut, NEEDED_NO_LONGER
        ),
    ),
)
