"""What can go wrong with partners, and what their API refuses.

    PartnerError               what partners may ask, and by what they prove who they are
    |- NoSuchOrganisation      no organisation with that id, or none with that credential
    |- OrganisationNameTaken   there is an organisation of that name
    |- NoSuchEndpoint          the organisation has no such webhook
    |- NoSuchDelivery          the organisation has no such delivery
    |- WebhookDisabled         nothing is sent to a webhook that is disabled
    `- RequestRefused          a request of a partner that is not answered
       |- TokenNotAccepted     no access token of a partner, or one that is not good
       |- OrganisationSuspended  the organisation is answered nothing
       |- ScopeMissing         the token does not allow this
       |- MediaTypeNotTaken    the body is not said to be JSON
       |- BodyTooLarge         the body is longer than any that is needed
       |- NotJson              the body is no JSON
       |- BodyFaulty           the body, or another part of the request, is not as documented
       |- OfferUnknown         no such offer, or it is another organisation's
       |- NoSuchRedemption     no redemption of the organisation with that id
       |- RedemptionRefused    an item of a batch cannot be held, so none is
       |- RedemptionEnded      it was cancelled or its time was over
       |- NoSuchPlace          no page of the feed ended there
       |- EventsGone           events that were to come next are not kept any more
       |- KeyMissing           no Idempotency-Key, or one that is none
       |- KeyReused            the Idempotency-Key was used for another request
       `- Waits                the organisation has to wait before it asks again
          |- TooManyRequests   it asks more often than agreed
          `- TooManyGuesses    it sent too many wrong numbers or codes

`code` never changes once published: programs act on it, and it ends a problem's `type`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from entitlements.errors import EntitlementsError


class PartnerError(EntitlementsError):
    """A partner, or what it has, that cannot be made or changed."""

    code = "partner-error"


class NoSuchOrganisation(PartnerError):
    """There is no such organisation, or it has no such credential in use."""

    code = "no-such-organisation"


class OrganisationNameTaken(PartnerError):
    """There is an organisation of that name."""

    code = "organisation-name-taken"


class NoSuchEndpoint(PartnerError):
    """The organisation has no webhook with that id."""

    code = "no-such-webhook"


class NoSuchDelivery(PartnerError):
    """The organisation has no delivery with that id."""

    code = "no-such-delivery"


class WebhookDisabled(PartnerError):
    """Nothing is sent to a webhook that is disabled."""

    code = "webhook-disabled"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a part of a request.

    Attributes:
        pointer: which part, as a JSON pointer (RFC 6901) into the body; empty for all of it.
        code: why, a permanent word.
        detail: why, in a sentence.
    """

    pointer: str
    code: str
    detail: str


class RequestRefused(PartnerError):
    """A request at the partners' API that is not answered.

    Attributes:
        faults: the parts of the request that are wrong.
        headers: of the answer.
    """

    code = "request-refused"

    def __init__(
        self, words: str, *, faults: Iterable[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.faults: Sequence[Fault] = tuple(faults)
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(words)


class TokenNotAccepted(RequestRefused):
    """The request brings no access token of a partner, or one that is not good."""

    code = "token-not-accepted"


class OrganisationSuspended(RequestRefused):
    """The organisation is suspended: it is answered nothing."""

    code = "organisation-suspended"


class ScopeMissing(RequestRefused):
    """The access token does not allow this."""

    code = "scope-missing"


class MediaTypeNotTaken(RequestRefused):
    """The body is of a type that is not taken."""

    code = "media-type-not-taken"


class BodyTooLarge(RequestRefused):
    """The body is longer than any that is needed."""

    code = "body-too-large"


class NotJson(RequestRefused):
    """The body is no JSON that can be read."""

    code = "not-json"


class BodyFaulty(RequestRefused):
    """The request is not as the documentation says."""

    code = "body-faulty"


class OfferUnknown(RequestRefused):
    """There is no such offer, or it is not the organisation's to ask about."""

    code = "offer-unknown"


class NoSuchRedemption(RequestRefused):
    """The organisation has no such redemption."""

    code = "no-such-redemption"


class RedemptionRefused(RequestRefused):
    """An item cannot be held, so none of them is."""

    code = "redemption-refused"


class RedemptionEnded(RequestRefused):
    """The redemption was cancelled, or its time was over before it was confirmed."""

    code = "redemption-ended"


class NoSuchPlace(RequestRefused):
    """No page of the feed has ended there."""

    code = "no-such-place"


class EventsGone(RequestRefused):
    """Events that were to come next are not kept any more."""

    code = "events-gone"


class KeyMissing(RequestRefused):
    """The request needs an Idempotency-Key."""

    code = "idempotency-key-missing"


class KeyReused(RequestRefused):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"


class Waits(RequestRefused):
    """The organisation has to wait before it asks again."""

    code = "wait"

    def __init__(self, words: str, after: timedelta) -> None:
        seconds = max(1, math.ceil(after.total_seconds()))
        super().__init__(words, headers={"retry-after": str(seconds)})


class TooManyRequests(Waits):
    """The organisation asks more often than agreed."""

    code = "too-many-requests"

    def __init__(self, after: timedelta) -> None:
        super().__init__(
            "Your organisation asks more often than agreed. Wait, and ask again.", after
        )


class TooManyGuesses(Waits):
    """The organisation sent too many wrong numbers or codes."""

    code = "too-many-wrong-codes"

    def __init__(self, after: timedelta) -> None:
        words = "Your organisation sent too many wrong numbers or codes. Wait, and ask again."
        super().__init__(words, after)
