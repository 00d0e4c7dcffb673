"""What is said of a code of an app, or a recovery code, that was refused."""

from typing import assert_never

from cardservice.web.environment import moment
from cardservice.web.visitors import Part
from cardservice.web.words import gettext as _
from identity.second_factor import FactorRefused, WhyFactorRefused


def refusal(refused: FactorRefused, part: Part) -> str:
    """One sentence, and what to do."""
    match refused.reason:
        case WhyFactorRefused.WRONG:
            return _("The code is wrong or was used before. Wait for the next one and enter that")
        case WhyFactorRefused.WAIT:
            words = _("There were too many tries. Try again after %(time)s")
            return words % {"time": moment(refused.retry_at) if refused.retry_at else ""}
        case WhyFactorRefused.LOCKED:
            if part is Part.STAFF:
                return _("There were too many tries. Ask an administrator to unlock your user name")
            return _("There were too many tries. Use a passkey, or a device you used before")
        case WhyFactorRefused.OVER:
            return _("This took too long. Begin again")
        case never:
            assert_never(never)
