"""A model of the time that radio, card and reader take, which a virtual card does not.

ISO/IEC 14443 at 106 kbit/s: a byte is eight bits and a parity bit; each direction adds a protocol
byte and two of CRC (14443-4) and waits at least 86 microseconds (frame delay of 14443-3). To that
come 4 ms of work in the card for each command and 2 ms for USB and the reader: both are assumptions
of ours for a DESFire card in a CCID reader. The UID is known to the reader: USB only.
"""

BITS_A_SECOND = 106_000
BITS_A_BYTE = 9
BLOCK_OVERHEAD = 3
FRAME_DELAY = 86e-6
CARD_WORK = 4e-3
READER_AND_USB = 2e-3
READERS_OWN = 0xFF
"""Class of commands that the reader answers itself."""


def seconds(command: bytes, answer: bytes) -> float:
    """What one command and its answer would take."""
    if command[0] == READERS_OWN:
        return READER_AND_USB
    length = len(command) + len(answer) + 2 * BLOCK_OVERHEAD
    on_air = length * BITS_A_BYTE / BITS_A_SECOND + 2 * FRAME_DELAY
    return on_air + CARD_WORK + READER_AND_USB
