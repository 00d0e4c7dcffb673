"""What a service is called on the pages."""

from typing import assert_never

from cardservice.web.words import gettext as _
from readers.contract.services import Service


def service_name(service: Service) -> str:
    """The name of a service, as a heading or in a table."""
    match service:
        case Service.IDENTITY:
            return _("Kent Card")
        case Service.LIBRARY:
            return _("Library")
        case Service.LEISURE:
            return _("Leisure")
        case Service.TRAVEL:
            return _("Travel")
        case never:
            assert_never(never)
