"""By what messages leave, as the settings say: files that one can read, or GOV.UK Notify."""

from pathlib import Path

from cardservice.errors import NotReady
from cardservice.settings import Settings
from identity.notify import NotifyCarrier, Templates, is_api_key
from identity.outbox import Carrier
from identity.outbox_files import OutboxFiles


def carrier_of(settings: Settings) -> Carrier:
    """What takes messages to people.

    Raises:
        NotReady: the file of the Notify key cannot be read or holds no key.
    """
    if not settings.notify_api_key_file:
        return OutboxFiles(Path(settings.outbox))
    pairs = (pair.partition("=") for pair in settings.notify_templates.split())
    templates = Templates({name: template for name, _, template in pairs})
    return NotifyCarrier(_key(Path(settings.notify_api_key_file)), templates, settings.notify_url)


def _key(path: Path) -> str:
    """The key; what is in the file is never repeated."""
    try:
        key = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except OSError as error:
        raise NotReady(f"{path}: the Notify key cannot be read ({error.strerror}).") from error
    if not is_api_key(key):
        raise NotReady(f"{path}: its first line is not an API key of GOV.UK Notify.")
    return key
