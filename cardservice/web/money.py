"""Sums of money as pages write them."""

from entitlements.schemes.notes import PENCE_IN_A_POUND


def in_pounds(pence: int) -> str:
    """For example, `£1,234.05`."""
    return f"£{pence // PENCE_IN_A_POUND:,}.{pence % PENCE_IN_A_POUND:02}"
