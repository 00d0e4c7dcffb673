"""The monitor, through a real pcscd: nothing is missed and nothing ends it."""

import logging
from collections.abc import Callable, Iterator

import pytest

from readers.card.channel import CardArrived, CardEvent, CardLeft, ReaderAppeared, ReaderGone
from readers.errors import ReaderNotFound
from readers.pcsc.channel import connect
from readers.pcsc.monitor import Monitor
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.patience import eventually
from tests.support.pcsc import EchoCard, MuteCard, Watch, laid

pytestmark = pytest.mark.pcsc


@pytest.fixture
def reader(pcscd: Pcscd) -> str:
    return pcscd.readers[1]


@pytest.fixture
def plug(pcscd: Pcscd, reader: str) -> Iterator[Plug]:
    plug = Plug(pcscd.socket_of(reader))
    yield plug
    plug.remove()


def test_a_card_that_comes_and_goes_is_told(pcscd: Pcscd, reader: str, plug: Plug) -> None:
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard())
        assert watch.next() == CardArrived(reader)
        plug.remove()
        assert watch.next() == CardLeft(reader)


def test_a_card_already_there_is_told_at_the_start(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()), Watch().running(len(pcscd.readers)) as watch:
        assert watch.next() == CardArrived(reader)


def test_fifty_quick_swaps_are_each_a_leaving_and_an_arrival(
    pcscd: Pcscd, reader: str, plug: Plug
) -> None:
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard())
        assert watch.next() == CardArrived(reader)
        for _ in range(50):
            plug.remove()
            plug.insert(EchoCard())
            assert watch.next() == CardLeft(reader)
            assert watch.next() == CardArrived(reader)
        assert watch.quiet()


def test_a_swap_unseen_behind_a_slow_handler_is_still_told(reader: str, plug: Plug) -> None:
    told: list[CardEvent] = []

    def handler(event: CardEvent) -> None:
        if event == CardArrived(reader) and event not in told:
            plug.remove()
            plug.insert(EchoCard())
        told.append(event)

    monitor = Monitor(handler)
    monitor.start()
    try:
        plug.insert(EchoCard())
        wanted: list[CardEvent] = [CardArrived(reader), CardLeft(reader), CardArrived(reader)]
        eventually(lambda: told[-3:] == wanted)
    finally:
        monitor.stop()


def test_a_card_in_use_does_not_look_like_an_event(pcscd: Pcscd, reader: str, plug: Plug) -> None:
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard())
        assert watch.next() == CardArrived(reader)
        for _ in range(3):
            with connect(reader) as channel:
                channel.transmit(b"\x90\x60\x00\x00\x00")
        plug.remove()
        assert watch.next() == CardLeft(reader)


def test_a_mute_card_is_told_and_the_other_readers_are_watched(
    pcscd: Pcscd, reader: str, plug: Plug
) -> None:
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard(), atr=b"")
        assert watch.next() == CardArrived(reader)
        other = pcscd.readers[2]
        with laid(pcscd, other, MuteCard()):
            assert watch.next() == CardArrived(other)
        assert watch.next() == CardLeft(other)


def test_a_failing_handler_is_logged_and_the_next_event_comes(
    reader: str, plug: Plug, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[CardEvent] = []

    def handler(event: CardEvent) -> None:
        told.append(event)
        raise ValueError("the light is broken")

    monitor = Monitor(handler)
    with caplog.at_level(logging.ERROR):
        monitor.start()
        try:
            plug.insert(EchoCard())
            eventually(lambda: CardArrived(reader) in told)
            plug.remove()
            eventually(lambda: CardLeft(reader) in told)
        finally:
            monitor.stop()
    assert "the light is broken" in caplog.text


@pytest.mark.parametrize("end", [Pcscd.kill, Pcscd.stop])
def test_the_monitor_outlives_pcscd(
    pcscd: Pcscd, reader: str, plug: Plug, end: Callable[[Pcscd], None]
) -> None:
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard())
        assert watch.next() == CardArrived(reader)
        end(pcscd)
        assert watch.next() == CardLeft(reader)
        gone = {watch.next() for _ in pcscd.readers}
        assert gone == {ReaderGone(name) for name in pcscd.readers}
        plug.remove()
        pcscd.start()
        appeared = {watch.next() for _ in pcscd.readers}
        assert appeared == {ReaderAppeared(name) for name in pcscd.readers}
        plug.insert(EchoCard())
        assert watch.next() == CardArrived(reader)


def test_a_monitor_started_before_pcscd_waits_for_it(pcscd: Pcscd) -> None:
    pcscd.stop()
    with Watch().running(0) as watch:
        pcscd.start()
        watch.until(ReaderAppeared(pcscd.readers[-1]))


def test_an_unplugged_reader_is_gone_with_its_card_and_the_others_stay(
    pcscd: Pcscd, reader: str, plug: Plug
) -> None:
    other = pcscd.readers[2]
    try:
        with Watch().running(len(pcscd.readers)) as watch:
            plug.insert(EchoCard())
            assert watch.next() == CardArrived(reader)
            with connect(reader) as channel:
                pcscd.socket_of(reader).unlink()
                with pytest.raises(ReaderNotFound):
                    channel.transmit(b"\x90\x60\x00\x00\x00")
            assert watch.next() == CardLeft(reader)
            assert watch.next() == ReaderGone(reader)
            with laid(pcscd, other, EchoCard()):
                # Between them pcscd may take back what it said of the lost reader: ending a
                # connection marks it usable until its thread asks the driver again.
                watch.until(CardArrived(other))
    finally:
        pcscd.restart()


def test_stop_tells_nothing_more_and_a_stopped_monitor_can_be_started_again(
    pcscd: Pcscd, reader: str, plug: Plug
) -> None:
    told: list[CardEvent] = []
    monitor = Monitor(told.append)
    monitor.start()
    eventually(lambda: len(told) == len(pcscd.readers))
    monitor.stop()
    plug.insert(EchoCard())
    assert len(told) == len(pcscd.readers)
    monitor.start()
    try:
        eventually(lambda: told[-1] == CardArrived(reader))
    finally:
        monitor.stop()
