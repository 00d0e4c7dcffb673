"""What can go wrong between a browser and the pages.

    PageError
    |- SignInNeeded          the page is for people who are signed in
    |- SignInExpired         they were signed in, and are not any more
    |- ForeignForm           a form that another site sent, or one of ours that is out of date
    |- NoSuchPage            nothing at that address, or nothing for this visitor
    `- NotForYourRole        a member of staff whose role does not include it

`code` never changes once published; `status` is the HTTP status of the page that says so.
"""

from typing import ClassVar


class PageError(Exception):
    """Anything the pages refuse to do."""

    code = "page-error"
    status: ClassVar[int] = 400


class SignInNeeded(PageError):
    """Nobody is signed in."""

    code = "sign-in-needed"
    status = 303

    def __init__(self, sign_in: str) -> None:
        super().__init__(f"Sign in at {sign_in}.")
        self.sign_in = sign_in


class SignInExpired(PageError):
    """The sign-in ended: unused for too long, too old, or ended elsewhere."""

    code = "sign-in-expired"
    status = 403

    def __init__(self, sign_in: str, cookie: str) -> None:
        super().__init__("The sign-in has ended.")
        self.sign_in = sign_in
        self.cookie = cookie


class ForeignForm(PageError):
    """The form did not come from a page that was given to this visitor."""

    code = "foreign-form"
    status = 403


class NoSuchPage(PageError):
    """There is no such page, or not for this visitor: which of the two is not said."""

    code = "no-such-page"
    status = 404


class NotForYourRole(PageError):
    """The member of staff's role does not include this act."""

    code = "not-for-your-role"
    status = 403
