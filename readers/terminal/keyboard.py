"""A keyboard wedge: the patron's number typed as on a keyboard, for software that knows no other.

Off unless set. It types into whatever window has the focus, so it is for machines where that is the
library's software alone. What is told to the kernel is tested byte by byte; typing on a machine
with ``/dev/uinput`` has NOT been tried, because none of the machines it was built on has one.

Source: Linux UAPI headers ``linux/uinput.h``, ``linux/input.h`` and ``input-event-codes.h``.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final, Protocol, Self

from readers.terminal.errors import KeyboardUnusable

UINPUT: Final = Path("/dev/uinput")

UI_SET_EVBIT: Final = 0x40045564
UI_SET_KEYBIT: Final = 0x40045565
UI_DEV_SETUP: Final = 0x405C5503
UI_DEV_CREATE: Final = 0x5501
UI_DEV_DESTROY: Final = 0x5502
EV_SYN: Final = 0
EV_KEY: Final = 1
KEY_ENTER: Final = 28
KEYS: Final = {"0": 11} | {str(digit): digit + 1 for digit in range(1, 10)}
BUS_VIRTUAL: Final = 0x06
_SETUP: Final = struct.Struct("HHHH80sI")
_EVENT: Final = struct.Struct("llHHi")


class Device(Protocol):
    """What the kernel takes."""

    def ioctl(self, request: int, argument: int | bytes) -> None:
        """Ask something of the device."""

    def write(self, data: bytes) -> None:
        """Hand events over."""

    def close(self) -> None:
        """Let go of it."""


class Uinput:
    """The kernel's own device.

    Raises:
        OSError: it is not there, or not for this account.
    """

    def __init__(self, path: Path = UINPUT) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    def ioctl(self, request: int, argument: int | bytes) -> None:
        """Ask something of the device."""
        fcntl.ioctl(self._handle, request, argument)

    def write(self, data: bytes) -> None:
        """Hand events over."""
        os.write(self._handle, data)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)


class Keyboard:
    """A keyboard with ten digits and Enter.

    Args:
        device: where it is made.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        device.ioctl(UI_SET_EVBIT, EV_KEY)
        for key in (*KEYS.values(), KEY_ENTER):
            device.ioctl(UI_SET_KEYBIT, key)
        device.ioctl(UI_DEV_SETUP, _SETUP.pack(BUS_VIRTUAL, 0, 0, 1, b"Kent Card kiosk", 0))
        device.ioctl(UI_DEV_CREATE, 0)

    @classmethod
    def open(cls, path: Path = UINPUT) -> Self:
        """The keyboard of this machine.

        Raises:
            KeyboardUnusable: the kernel does not let this account make one.
        """
        try:
            return cls(Uinput(path))
        except OSError as error:
            raise KeyboardUnusable(f"{path} cannot be used: {error.strerror}.") from error

    def type(self, digits: str) -> None:
        """Press each digit, then Enter.

        Raises:
            KeyError: something else than a digit; nothing was typed.
            OSError: the device is gone; some of it may have been typed.
        """
        keys = [*(KEYS[digit] for digit in digits), KEY_ENTER]
        self._device.write(b"".join(_press(key) for key in keys))

    def close(self) -> None:
        """Unplug it."""
        self._device.ioctl(UI_DEV_DESTROY, 0)
        self._device.close()


def _press(key: int) -> bytes:
    events = ((EV_KEY, key, 1), (EV_SYN, 0, 0), (EV_KEY, key, 0), (EV_SYN, 0, 0))
    return b"".join(_EVENT.pack(0, 0, *event) for event in events)
