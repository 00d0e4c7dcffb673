"""What is said of a code that was sent and did not do, to residents and staff alike."""

from typing import assert_never

from cardservice.web.words import gettext as _
from identity.codes import WhyCodeRefused


def code_refusal(reason: WhyCodeRefused) -> str:
    """What is said of a code that was refused."""
    match reason:
        case WhyCodeRefused.WRONG:
            return _("The code is wrong. Check the newest message we sent you")
        case WhyCodeRefused.NO_LONGER_VALID:
            return _("The code no longer works. Ask for another code")
        case never:
            assert_never(never)
