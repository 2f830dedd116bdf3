"""Rules on hosts: names are compared as they are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.config.permission_rules import of_host, unenforced, without_restricted
from coder.run.extensions import Rules


def verdict(kind: str, specifier: str, host: str) -> str | None:
    ruling = of_host(Rules.model_validate({kind: (f"WebFetch({specifier})",)}), host)
    return ruling.verdict if ruling is not None else None


@pytest.mark.parametrize(
    ("specifier", "host"),
    [
        ("domain:münchen.example", "xn--mnchen-3ya.example"),
        ("domain:MÜNCHEN。example", "xn--mnchen-3ya.example"),
        ("domain:faß.example", "xn--fa-hia.example"),
        ("domain:faß.example", "fass.example"),
        ("domain:*.münchen.example", "a.xn--mnchen-3ya.example"),
        ("domain:api.example.com:8443", "api.example.com"),
        ("domain:https://api.example.com/v1?x", "api.example.com"),
        ("https://api.example.com", "api.example.com"),
        ("api.example.com", "API.example.com."),
        ("domain:api.example.com/", "x.api.example.com"),
        ("domain:*api.example.com", "myapi.example.com"),
        ("domain:api.*.com", "api.example.com"),
        ("domain:[2001:DB8::0:1]:443", "2001:db8::1"),
        ("domain:2001:db8:0::1", "2001:db8::1"),
        ("domain:user@api.example.com", "api.example.com"),
    ],
)
def test_a_denied_host_is_denied_however_it_is_written(specifier: str, host: str) -> None:
    assert verdict("deny", specifier, host) == "deny"
    assert verdict("deny", specifier, "other.example.org") is None


@pytest.mark.parametrize(
    ("specifier", "is_allowed"),
    [
        ("domain:api.example.com", True),
        ("domain:*.example.com", True),
        ("domain:*", True),
        ("domain:api.example.com:8443", False),
        ("domain:https://api.example.com", False),
        ("api.example.com", False),
        ("domain:api.*", False),
        ("domain:*example.com", False),
    ],
)
def test_only_a_whole_host_is_allowed_and_another_rule_is_named(specifier: str, is_allowed: bool) -> None:
    assert (verdict("allow", specifier, "api.example.com") == "allow") == is_allowed
    assert (not unenforced(Rules(allow=(f"WebFetch({specifier})",)))) == is_allowed


def test_an_allowed_name_in_other_letters_is_that_of_browsers_alone() -> None:
    assert verdict("allow", "domain:faß.example", "xn--fa-hia.example") == "allow"
    assert verdict("allow", "domain:faß.example", "fass.example") is None


@pytest.mark.parametrize("specifier", ["domain:", "domain:a b", "domain:a..b", "domain:(x)", "domain:/x"])
def test_a_rule_that_names_no_host_denies_all_pages_and_is_named(specifier: str) -> None:
    rules = Rules(deny=(f"WebFetch({specifier})",))

    assert of_host(rules, "any.example", is_page=True) is not None
    assert "denies WebFetch as a whole" in next(iter(unenforced(rules).values()))


def test_a_denied_registry_leaves_the_others_of_the_group() -> None:
    rules = Rules(deny=("WebFetch(domain:pypi.org)",))

    kept = without_restricted(
        rules, ("registries", "*.pypi.org", "*.example.com:8443", "[2606:4700::1111]:443")
    )

    assert "pypi.org" not in kept
    assert "registry.npmjs.org" in kept
    assert kept[-2:] == ("*.example.com:8443", "[2606:4700::1111]:443")


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_denies_all_pages(text: str) -> None:
    rules = Rules(deny=(f"WebFetch(domain:{text})",))

    of_host(rules, "a.example")
    unenforced(rules)
