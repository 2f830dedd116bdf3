"""A secret is found wherever it stands, however usual programs encode it, up to twice, and in Base64."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.encoded_secrets import MOST_PER_CHARACTER, SecretFinder
from tests.linear_work import assert_linear

VALUE = 'sk-live/"42"+abc\\x41%41&amp;'
ENCODERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": lambda text: quote(text, safe=""),
    "URL that keeps slashes": quote,
    "lower URL": lambda text: "".join(one if one.isalnum() else f"%{ord(one):02x}" for one in text),
    "form": quote_plus,
    "all of it for a URL": lambda text: "".join(f"%{ord(one):02X}" for one in text),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON of .NET": lambda text: "".join(one if one.isalnum() else f"\\u{ord(one):04X}" for one in text),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(one):x}}}" for one in text),
    "C, octal": lambda text: "".join(f"\\{ord(one):03o}" for one in text),
    "repr": lambda text: repr(text)[1:-1],
    "hexadecimal escapes": lambda text: "".join(f"\\x{ord(one):02x}" for one in text),
    "HTML": html.escape,
    "HTML of JavaScript": lambda text: html.escape(text).replace("/", "&#x2F;"),
    "all of it for HTML": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "hexadecimal HTML": lambda text: "".join(f"&#x{ord(one):x};" for one in text),
    "HTML by names": lambda text: html.escape(text).replace("+", "&plus;").replace("/", "&sol;"),
}
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=50)


@pytest.mark.parametrize("first", ENCODERS)
@pytest.mark.parametrize("second", ENCODERS)
def test_a_secret_that_was_encoded_twice_is_found_in_its_place(first: str, second: str) -> None:
    form = ENCODERS[second](ENCODERS[first](VALUE))

    assert SecretFinder([VALUE]).spans(f"50% <{form}> \\ & more") == [(5, 5 + len(form), 0)]
    assert len(form) <= MOST_PER_CHARACTER * len(VALUE)


@given(
    SECRETS,
    st.sampled_from([*ENCODERS.values()]),
    st.sampled_from([*ENCODERS.values()]),
    st.text(),
    st.text(),
)
def test_no_part_of_an_encoded_secret_is_left(
    secret: str, first: Callable[[str], str], second: Callable[[str], str], before: str, after: str
) -> None:
    form = second(first(secret))
    spans = SecretFinder([secret]).spans(f"{before}\n{form}\n{after}")

    start = len(before) + 1
    assert any(found <= start and stop >= start + len(form) for found, stop, _ in spans)


@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
@pytest.mark.parametrize("alphabet", ["+/", "-_"])
@pytest.mark.parametrize(
    "encode", [str, lambda text: quote(text, safe=""), lambda text: text.replace("/", "\\/")]
)
def test_a_secret_in_base64_is_found_also_encoded(
    before: str, alphabet: str, encode: Callable[[str], str]
) -> None:
    value = "~~?abc>>?~~~"
    text = base64.b64encode(f"{before}{value}!".encode(), altchars=alphabet.encode()).decode()

    [(start, stop, _)] = SecretFinder([value]).spans(f"<{encode(text)}>")

    assert stop - start >= len(value)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("p@ss/wörd", quote("p@ss/wörd", safe="")),
        ("p@ss/wörd", json.dumps("p@ss/wörd")[1:-1]),
        ("schlüssel-🔑", json.dumps("schlüssel-🔑")[1:-1]),
        ("пароль ключ", quote_plus("пароль ключ")),
        ("пароль-ключ", "".join(f"%u{ord(one):04X}" for one in "пароль-ключ")),
        ("geheim²schluessel", "geheim&sup2;schluessel"),
        ("correct horse", "correct+horse"),
        ("correct horse", "correct&#32;horse"),
    ],
)
def test_blanks_and_other_alphabets_are_found(secret: str, text: str) -> None:
    assert SecretFinder([secret]).spans(f"({text})") == [(1, 1 + len(text), 0)]


def test_a_short_secret_is_found_as_it_is_alone() -> None:
    assert SecretFinder(["a/b"]).spans("a/b a%2Fb a\\/b") == [(0, 3, 0)]


def test_secrets_that_overlap_are_one_span_of_the_first() -> None:
    assert SecretFinder(["abcd-1234", "1234-efgh"]).spans("x abcd-1234-efgh") == [(2, 16, 0)]


@given(st.text(st.sampled_from("ab%\\&#;xu0147{}amp/\n"), max_size=80))
def test_text_without_the_secret_has_none(text: str) -> None:
    assert SecretFinder(["no-such-key"]).spans(text) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["sk-live/", "%2541", "\\\\u005c", "&amp;amp;#", "%", "\\", "&", "&#x0000", "abc%2F", '{"a": "b\\"c"}, '],
)
def test_hostile_text_costs_linear_time(piece: str) -> None:
    finder = SecretFinder([VALUE, "live-key/abc"])

    assert_linear(finder.spans, lambda size: piece * (size // len(piece)), size=200_000)
