"""What the keyboard wedge tells the kernel, by the layouts of the kernel's headers.

Typing on a machine with /dev/uinput is not tried here: there is none.
"""

import struct
from pathlib import Path

import pytest

from readers.terminal.errors import KeyboardUnusable
from readers.terminal.keyboard import (
    EV_KEY,
    EV_SYN,
    KEY_ENTER,
    UI_DEV_CREATE,
    UI_DEV_DESTROY,
    UI_DEV_SETUP,
    UI_SET_EVBIT,
    UI_SET_KEYBIT,
    Keyboard,
)

KEY_OF_0, KEY_OF_1, KEY_OF_9 = 11, 2, 10
"""KEY_0, KEY_1 and KEY_9 of input-event-codes.h."""
EVENT_BYTES = 24
"""struct input_event where long has 8 bytes."""


class Kernel:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int | bytes]] = []
        self.written = b""
        self.closed = False

    def ioctl(self, request: int, argument: int | bytes) -> None:
        self.asked.append((request, argument))

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def events(self) -> list[tuple[int, int, int]]:
        assert len(self.written) % EVENT_BYTES == 0
        return [
            struct.unpack_from("HHi", self.written, at + 16)
            for at in range(0, len(self.written), EVENT_BYTES)
        ]


def test_a_keyboard_has_ten_digits_and_enter_and_nothing_else() -> None:
    kernel = Kernel()
    Keyboard(kernel)
    assert kernel.asked[0] == (UI_SET_EVBIT, EV_KEY)
    keys = [argument for request, argument in kernel.asked if request == UI_SET_KEYBIT]
    assert keys == [KEY_OF_0, *range(KEY_OF_1, KEY_OF_9 + 1), KEY_ENTER]
    (setup, layout), (create, _) = kernel.asked[-2:]
    assert (setup, create) == (UI_DEV_SETUP, UI_DEV_CREATE)
    assert isinstance(layout, bytes)
    assert len(layout) == (setup >> 16) & 0x3FFF, "the size that the request itself names"
    assert layout[8:23] == b"Kent Card kiosk"


def test_a_number_is_typed_digit_by_digit_and_ended_with_enter() -> None:
    kernel = Kernel()
    Keyboard(kernel).type("109")
    presses = [(key, value) for kind, key, value in kernel.events() if kind == EV_KEY]
    keys = [KEY_OF_1, KEY_OF_0, KEY_OF_9, KEY_ENTER]
    assert presses == [(key, value) for key in keys for value in (1, 0)]
    assert [kind for kind, _, _ in kernel.events()] == [EV_KEY, EV_SYN] * 8


@pytest.mark.parametrize("text", ["12a", "\n", "-1", "\u0661"])
def test_nothing_but_digits_is_ever_typed(text: str) -> None:
    kernel = Kernel()
    keyboard = Keyboard(kernel)
    with pytest.raises(KeyError):
        keyboard.type(text)
    assert kernel.written == b""


def test_it_is_unplugged_at_the_end() -> None:
    kernel = Kernel()
    Keyboard(kernel).close()
    assert kernel.asked[-1][0] == UI_DEV_DESTROY
    assert kernel.closed


def test_a_machine_without_the_device_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyboardUnusable, match="cannot be used") as unusable:
        Keyboard.open(tmp_path / "uinput")
    assert "modprobe uinput" in unusable.value.remedy


def test_a_file_that_is_no_such_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "uinput").touch()
    with pytest.raises(KeyboardUnusable):
        Keyboard.open(tmp_path / "uinput")
