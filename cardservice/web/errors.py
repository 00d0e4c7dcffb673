"""What can go wrong between a browser and the pages.

    PageError
    |- SignedInAlready       the page is for people who have no account yet
    |- SignInNeeded          the page is for people who are signed in
    |- SignInExpired         they were signed in, and are not any more
    |- ProofNeeded           a sensitive act, and a while since they showed who they are
    |- ForeignForm           a form that another site sent, or one of ours that is out of date
    |- TooManyTries          too much failed from there; the door opens again in a moment
    |- NoSuchPage            nothing at that address, or nothing for this visitor
    |- NotForYourRole        a member of staff whose role does not include it
    `- AssistanceNeeded      what is a resident's own word, without an assisted session for them

`code` never changes once published; `status` is the HTTP status of the page that says so.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID


class PageError(Exception):
    """Anything the pages refuse to do."""

    code = "page-error"
    status: ClassVar[int] = 400


class SignedInAlready(PageError):
    """Somebody signed in has an account, and needs no page that makes or claims one."""

    code = "signed-in-already"
    status = 303


class SignInNeeded(PageError):
    """Nobody is signed in."""

    code = "sign-in-needed"
    status = 303

    def __init__(self, sign_in: str) -> None:
        super().__init__(f"Sign in at {sign_in}.")
        self.sign_in = sign_in


class SignInExpired(PageError):
    """The sign-in ended: unused for too long, too old, or ended elsewhere.

    Attributes:
        sign_in: where to sign in again.
        cookie: of the sign-in that ended.
        kept: the fields of the form that could not be taken.
    """

    code = "sign-in-expired"
    status = 403

    def __init__(self, sign_in: str, cookie: str, kept: Mapping[str, str]) -> None:
        super().__init__("The sign-in has ended.")
        self.sign_in = sign_in
        self.cookie = cookie
        self.kept = kept


class ProofNeeded(PageError):
    """Somebody signed in is to show again who they are.

    Attributes:
        confirm: the page that asks for it.
        kept: the fields of the form that could not be taken.
    """

    code = "proof-needed"
    status = 303

    def __init__(self, confirm: str, kept: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__("A sensitive act needs a fresh proof.")
        self.confirm = confirm
        self.kept = kept


class ForeignForm(PageError):
    """The form did not come from a page that was given to this visitor.

    Attributes:
        kept: its fields, if the page was ours and only its sign-in another.
    """

    code = "foreign-form"
    status = 403

    def __init__(self, reason: str, kept: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(reason)
        self.kept = kept


class TooManyTries(PageError):
    """Too many tries to sign in failed from the same place; nothing was tried this time.

    Attributes:
        again_at: when the next try is allowed.
        retry_after: the same, in seconds from now.
    """

    code = "too-many-tries"
    status = 429

    def __init__(self, again_at: datetime, retry_after: int) -> None:
        super().__init__("Too much failed from there.")
        self.again_at = again_at
        self.retry_after = retry_after


class NoSuchPage(PageError):
    """There is no such page, or not for this visitor: which of the two is not said."""

    code = "no-such-page"
    status = 404


class NotForYourRole(PageError):
    """The member of staff's role does not include this act."""

    code = "not-for-your-role"
    status = 403


class AssistanceNeeded(PageError):
    """Staff do this for a resident only in an assisted session, and none is open for them.

    Attributes:
        account_id: the resident.
        kept: the fields of the form that could not be taken.
    """

    code = "assistance-needed"
    status = 409

    def __init__(self, account_id: UUID, kept: Mapping[str, str]) -> None:
        super().__init__("No assisted session is open for this resident.")
        self.account_id = account_id
        self.kept = kept
