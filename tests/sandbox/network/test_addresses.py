"""No address of this machine, of its network or of nobody passes for a public one, in whatever form."""

import ipaddress
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.allowed_hosts import find_refusal
from sandbox.network.outside_lookup import resolve
from tests.ordinary_user import REPOSITORY

PRIVATE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]


@pytest.mark.usefixtures("starts_something")
@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700:4700::1111", "::ffff:93.184.216.34"])
def test_a_public_address_is_not_refused(address: str) -> None:
    assert find_refusal(address) is None


@pytest.mark.parametrize(
    "address",
    [
        *PRIVATE,
        *("127.255.255.254", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16"),  # what clouds tell their machines
        *("3fff::1", "2001::1", "100::1", "not an address", ""),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert find_refusal(address) is not None


@pytest.mark.parametrize("inner", PRIVATE)
@pytest.mark.parametrize("form", ["::ffff:{}", "64:ff9b::{}", "::{}", "2002:{:x}::"])
def test_an_address_inside_of_another_is_refused_too(inner: str, form: str) -> None:
    v4 = ipaddress.IPv4Address(inner)
    high, low = divmod(int(v4), 1 << 16)
    outer = f"2002:{high:x}:{low:x}::" if form.startswith("2002") else form.format(v4)

    assert find_refusal(outer) is not None


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_passed(address: ipaddress.IPv4Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert find_refusal(str(address)) is not None


GIVE_LOOPBACK_A_PUBLIC_ADDRESS = """
import fcntl, socket, struct
from sandbox.network.allowed_hosts import find_refusal
SET_ADDRESS, SET_FLAGS, UP = 0x8916, 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    print(find_refusal("93.184.216.34"))
    address = struct.pack("16sHH4s8x", b"lo", socket.AF_INET, 0, socket.inet_aton("93.184.216.34"))
    fcntl.ioctl(control, SET_ADDRESS, address)
print(find_refusal("93.184.216.34"))
"""


def test_an_address_of_this_machine_is_refused_although_it_is_public() -> None:
    alone = ["unshare", "--user", "--map-root-user", "--net"]

    ended = subprocess.run(
        [*alone, sys.executable, "-c", GIVE_LOOPBACK_A_PUBLIC_ADDRESS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )

    assert ended.stdout == "None\n93.184.216.34 is an address of this machine\n", ended.stderr


@pytest.mark.parametrize("name", ["localhost", "127.1", "127.0.0.1", "::1", "0", "169.254.169.254"])
async def test_what_the_system_makes_of_names_for_this_machine_is_refused(name: str) -> None:
    addresses = await resolve(name, 80)

    assert addresses
    assert all(find_refusal(address) for address in addresses)
