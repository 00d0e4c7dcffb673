"""A webhook goes to a public address by https, and nowhere else."""

from collections.abc import Sequence

import pytest

from entitlements.webhook_addresses import AddressFault, Place, ask_system, look_up, read_url

GOOD = "https://hooks.leisure.example.org/kent?x=1"


def _answering(*addresses: str) -> "Asked":
    return Asked(addresses)


class Asked:
    """A resolver that notes how often it was asked."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.times = 0

    async def __call__(self, _name: str, _port: int) -> Sequence[str]:
        self.times += 1
        return self.addresses


def _place(url: str = GOOD) -> Place:
    place = read_url(url, loopback=False)
    assert isinstance(place, Place)
    return place


def test_an_address_with_a_public_name_is_taken() -> None:
    place = _place("https://Hooks.Leisure.Example.org:8443/kent")
    assert (place.name, place.port) == ("hooks.leisure.example.org", 8443)
    assert _place().port == 443


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", AddressFault.NOT_A_URL),
        ("hooks", AddressFault.NOT_A_URL),
        ("https://", AddressFault.NOT_A_URL),
        ("https://a b.example.org/", AddressFault.NOT_A_URL),
        ("https://a.example.org/\nhost: x", AddressFault.NOT_A_URL),
        ("https://[::1", AddressFault.NOT_A_URL),
        ("https://a.example.org:99999/", AddressFault.NOT_A_URL),
        ("https://somebody:secret@a.example.org/", AddressFault.NOT_A_URL),
        ("https://a.example.org/#part", AddressFault.NOT_A_URL),
        ("https://a.example.org/" + "x" * 2000, AddressFault.NOT_A_URL),
        ("https://exämple.org/", AddressFault.NOT_A_URL),
        ("http://a.example.org/", AddressFault.NOT_HTTPS),
        ("ftp://a.example.org/", AddressFault.NOT_HTTPS),
        ("file:///etc/passwd", AddressFault.NOT_A_URL),
        ("https://intranet/", AddressFault.NOT_A_NAME),
        ("https://127.0.0.1/", AddressFault.NOT_A_NAME),
        ("https://8.8.8.8/", AddressFault.NOT_A_NAME),
        ("https://127.1/", AddressFault.NOT_A_NAME),
        ("https://2130706433/", AddressFault.NOT_A_NAME),
        ("https://0x7f.0.0.1/", AddressFault.NOT_A_NAME),
        ("https://[::1]/", AddressFault.NOT_A_NAME),
        ("https://[::ffff:127.0.0.1]/", AddressFault.NOT_A_NAME),
        ("https://localhost/", AddressFault.NOT_A_NAME),
        ("https://a.localhost/", AddressFault.NOT_PUBLIC),
        ("https://metadata.google.internal/", AddressFault.NOT_PUBLIC),
        ("https://metadata.google.internal./", AddressFault.NOT_PUBLIC),
        ("https://printer.local/", AddressFault.NOT_PUBLIC),
    ],
)
def test_any_other_address_is_refused_when_it_is_registered(url: str, fault: AddressFault) -> None:
    assert read_url(url, loopback=False) is fault


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",  # noqa: S104  (nothing is bound to it)
        "10.1.2.3",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::7f00:1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
    ],
)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    assert await look_up(_place(), _answering(address), loopback=False) is AddressFault.NOT_PUBLIC


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2a00:1450::1"])
async def test_a_public_address_is_taken_and_kept_to(address: str) -> None:
    found = await look_up(_place(), _answering(address, "9.9.9.9"), loopback=False)
    assert isinstance(found, Place)
    assert found.address == address


async def test_one_address_inside_condemns_the_public_ones_beside_it() -> None:
    mixed = _answering("8.8.8.8", "10.0.0.1")
    assert await look_up(_place(), mixed, loopback=False) is AddressFault.NOT_PUBLIC


async def test_a_name_is_looked_up_once() -> None:
    asked = _answering("8.8.8.8")
    await look_up(_place(), asked, loopback=False)
    assert asked.times == 1


async def test_a_name_without_an_address_is_not_found() -> None:
    async def fails(_name: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert await look_up(_place(), fails, loopback=False) is AddressFault.NOT_FOUND
    assert await look_up(_place(), _answering(), loopback=False) is AddressFault.NOT_FOUND


@pytest.mark.parametrize("url", ["http://localhost:9/", "http://127.0.0.1:9/", "http://[::1]:9/"])
async def test_this_machine_is_allowed_only_where_a_setting_says_so(url: str) -> None:
    place = read_url(url, loopback=True)
    assert isinstance(place, Place)
    found = await look_up(place, ask_system, loopback=True)
    assert isinstance(found, Place)
    assert await look_up(place, ask_system, loopback=False) is AddressFault.NOT_PUBLIC


def test_the_setting_opens_no_other_network() -> None:
    assert read_url("http://10.0.0.1/", loopback=True) is AddressFault.NOT_HTTPS
    assert read_url("https://10.0.0.1/", loopback=True) is AddressFault.NOT_A_NAME
