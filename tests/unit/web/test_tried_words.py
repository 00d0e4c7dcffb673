"""Every result of a try has words, and the database knows every result."""

from cardservice.web.partners.tried_words import WORDS, in_words
from entitlements.event_models import WebhookTry
from entitlements.webhook_sending import Result
from identity.db import new_id
from tests.support.people import NOW


def test_every_result_has_words_that_can_be_filled_in() -> None:
    assert set(WORDS) == set(Result)
    for result in Result:
        tried = WebhookTry(
            delivery_id=new_id(), at=NOW, result=result, status=503, took_ms=1, line=""
        )
        assert "%" not in in_words(tried)
