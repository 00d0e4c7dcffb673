"""What is not taken is sent again for three days, and then given up."""

from datetime import timedelta

from entitlements.webhook_schedule import JITTER, WAITS, wait_after


def test_the_published_schedule_lasts_about_75_hours() -> None:
    assert sum(WAITS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_every_try_but_the_last_is_followed_by_another() -> None:
    waits = [wait_after(tries) for tries in range(1, len(WAITS) + 2)]
    assert waits[-1] is None
    for given, published in zip(waits[:-1], WAITS, strict=True):
        assert given is not None
        assert published <= given <= published * (1 + JITTER)


def test_what_failed_together_is_not_tried_together() -> None:
    assert len({wait_after(3) for _ in range(50)}) > 1
