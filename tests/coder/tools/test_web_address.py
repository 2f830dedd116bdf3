"""Where the URL of a page leads."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coder.tools.web_address import MAX_URL, Address, parse_url

PIECES = st.sampled_from(
    [
        "http",
        "https",
        "ftp",
        ":",
        "//",
        "/",
        "@",
        "[",
        "]",
        "?",
        "#",
        "\\",
        "%",
        "::1",
        "a.example",
        "127.1",
        "é",
    ]
)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://A.Example", Address("http://A.Example/", "a.example", 80)),
        ("https://a.example./b?c=d#e", Address("https://a.example./b?c=d", "a.example", 443)),
        ("https://[2001:db8::1]:8443/x", Address("https://[2001:db8::1]:8443/x", "2001:db8::1", 8443)),
    ],
)
def test_a_url_leads_to_a_host_and_a_port(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "Only http:// and https://"),
        ("a.example/b", "Only http:// and https://"),
        ("https://user:secret@a.example/", "without a user or password"),
        ("https://a.example/a b", "printable ASCII"),
        ("https://ä.example/", "printable ASCII"),
        ("https:///b", "no name of a host"),
        ("https://127.1/", "can't be read"),
        ("https://[::1/", "can't be read"),
        ("https://a.example/" + "x" * MAX_URL, "more than 2,000 characters"),
    ],
)
def test_a_url_that_cannot_be_fetched_says_why(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as error:
        parse_url(url)

    assert "secret" not in str(error.value)


@pytest.mark.slow
@given(st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=40))
@example("https://a.example\\@b.example/")
def test_any_text_has_an_address_that_says_what_is_sent_or_an_error(text: str) -> None:
    try:
        address = parse_url(text)
    except ValueError:
        return

    assert parse_url(address.url) == address
    assert urlsplit(address.url).username is None
    assert "#" not in address.url
