"""The services a card can carry."""

from enum import StrEnum


class Service(StrEnum):
    """A service with a file, a read key and a status list of its own.

    The value is what settings, URLs and messages say; :attr:`code` is what a card says. Codes are
    permanent: a withdrawn service's code is never used again.
    """

    IDENTITY = "identity"
    LIBRARY = "library"
    LEISURE = "leisure"
    TRAVEL = "travel"

    @property
    def code(self) -> int:
        """The service's number inside a record."""
        return _CODES[self]

    @classmethod
    def of_code(cls, code: object) -> "Service":
        """The service with that number.

        Raises:
            ValueError: if no service has it.
        """
        for service, number in _CODES.items():
            if number == code:
                return service
        raise ValueError(f"no service has the code {code!r}")


_CODES = {Service.IDENTITY: 1, Service.LIBRARY: 2, Service.LEISURE: 3, Service.TRAVEL: 4}
