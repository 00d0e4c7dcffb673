"""GOV.UK Notify takes messages to people.

The words of a message stay ours, in one place: a template in Notify is a subject and `((text))`.
A message that Notify refuses as it is (its address, its template) is given up; anything else, our
key and our limits included, is put right by somebody or by time, so it is tried again.
Source: docs.notifications.service.gov.uk/rest-api.html (send an email, send a text message, error
codes).
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from notifications_python_client.errors import APIError
from notifications_python_client.notifications import NotificationsAPIClient

from identity.outbox import Message, NeverSent, Outcome, Sent, TryLater

URL: Final = "https://api.notifications.service.gov.uk"
ANSWER_SECONDS: Final = 10
NO_TEMPLATE: Final = "no-template"
REFUSED: Final = "refused-by-notify"
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY: Final = re.compile(rf".*-{_UUID}-{_UUID}")
_LOG: Final = structlog.get_logger(__name__)


class Templates(msgspec.Struct, frozen=True):
    """Ids of templates, by `email` or `text`, or for one kind of message by `email:new-device`."""

    ids: Mapping[str, str]

    def of(self, message: Message) -> str | None:
        """The template of a message; None when there is none for it."""
        channel = "text" if message.is_text_message else "email"
        return self.ids.get(f"{channel}:{message.kind}") or self.ids.get(channel)


def is_api_key(text: str) -> bool:
    """Whether it has the form of Notify's keys: a name, the service's id and the secret."""
    return _KEY.fullmatch(text) is not None


class NotifyCarrier:
    """Sends messages by GOV.UK Notify.

    Args:
        key: of the API; never logged.
        templates: which template a message is sent by.
        url: of Notify, or of what stands for it in a test.
    """

    def __init__(self, key: str, templates: Templates, url: str = URL) -> None:
        self._client = NotificationsAPIClient(key, url, ANSWER_SECONDS)  # type: ignore[no-untyped-call]  # it has a py.typed and no types
        self._templates = templates
        # The client logs what Notify answers, and Notify repeats addresses it refuses.
        logging.getLogger("notifications_python_client").setLevel(logging.CRITICAL)

    async def send(self, message: Message) -> Outcome:
        """Hand one message over, in a thread: the client waits for the answer."""
        template = self._templates.of(message)
        if template is None:
            _LOG.error("message has no template", kind=message.kind, message=str(message.id))
            return NeverSent(NO_TEMPLATE)
        try:
            await asyncio.to_thread(self._post, message, template)
        except APIError as error:
            _LOG.warning("message refused", status=error.status_code, message=str(message.id))
            refused = error.status_code == HTTPStatus.BAD_REQUEST
            return NeverSent(REFUSED) if refused else TryLater()
        return Sent()

    def _post(self, message: Message, template: str) -> None:
        text, reference = {"text": message.text}, str(message.id)
        if message.is_text_message:
            send = self._client.send_sms_notification
        else:
            send = self._client.send_email_notification
        send(message.to, template, text, reference)  # type: ignore[no-untyped-call]  # likewise
