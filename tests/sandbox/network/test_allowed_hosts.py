"""An allow-list says exactly what it allows, and what can't be meant is refused before anything runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox import Policy
from sandbox.network.allowed_hosts import normalize_host, parse_hosts, split_authority


@pytest.mark.usefixtures("starts_something")
@pytest.mark.parametrize(
    ("entry", "name", "port", "covered"),
    [
        ("api.example.org", "api.example.org", 443, True),
        ("api.example.org", "api.example.org", 80, True),
        ("api.example.org", "api.example.org", 22, False),
        ("API.Example.org.", "api.example.org", 443, True),
        ("api.example.org:8443", "api.example.org", 8443, True),
        ("api.example.org:8443", "api.example.org", 443, False),
        ("api.example.org", "evil-api.example.org", 443, False),
        ("api.example.org", "api.example.org.evil.example", 443, False),
        ("api.example.org", "files.api.example.org", 443, False),
        ("*.example.org", "a.b.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("*.example.org", "evilexample.org", 443, False),
        ("[2606:4700:4700::1111]:53", "2606:4700:4700::1111", 53, True),
        ("93.184.216.34", "93.184.216.34", 80, True),
    ],
)
def test_an_entry_covers_its_host_at_its_port_and_no_other(
    entry: str, name: str, port: int, covered: bool
) -> None:
    (host,) = parse_hosts([entry])

    assert host.covers(name, port) is covered


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "*.org", "*.10.1", "a b", "a..b", "-a.org", "http://a.org", "a.org/x", "me@a.org"),
        *("a.org:0", "a.org:70000", "a.org:", "a.org:x", "::1", "[::1", "[fe80::1%eth0]", "bücher.example"),
        *("127.1", "0x7f.1", "2130706433", "127.0.0.01", "a\n.org", "a.org\n", f"{'a' * 64}.org"),
        ".".join(["a" * 60] * 5),
    ],
)
def test_an_entry_that_can_not_be_meant_is_refused_by_its_name(entry: str) -> None:
    with pytest.raises(ValidationError, match="isn't HOST or HOST:PORT"):
        Policy(network=(entry,))


@pytest.mark.parametrize("entry", ["localhost", "x.localhost:80", "10.1.2.3", "[::1]:80", "169.254.169.254"])
def test_an_entry_that_could_never_be_reached_is_refused_at_once(entry: str) -> None:
    with pytest.raises(ValidationError, match="could never be reached"):
        Policy(network=(entry,))


def test_an_empty_list_of_hosts_is_no_network() -> None:
    assert Policy(network=()).network == "none"


@given(st.text())
def test_whatever_is_read_as_a_name_reads_as_itself_again(text: str) -> None:
    try:
        name = normalize_host(text)
    except ValueError:
        return
    again = f"[{name}]" if ":" in name else name

    assert normalize_host(again) == name
    assert name.isascii()
    assert not set(name) & set(" \r\n\t/@%\\\"'")


@given(st.text())
def test_no_text_breaks_the_reading_of_an_authority(text: str) -> None:
    try:
        _, port = split_authority(text)
    except ValueError:
        return

    assert port is None or 0 < port < 1 << 16
