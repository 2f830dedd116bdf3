"""Secrets never leave: by value, by shape, and however a stream is cut."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.redact import REPLACEMENT, Redactor, redact
from tests.linear_work import assert_linear

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+IBAAKCAQ/EAx\nabc=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN"
KEYS = [
    "sk-proj-abcDEF0123456789abcDEF",
    "sk-ant-api03-abcDEF0123456789",
    "ghp_abcdefABCDEF0123456789abcdefABCDEF01",
    "github_pat_11ABCDEFG0123456789_abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    JWT,
    PEM,
]


@pytest.mark.parametrize("key", KEYS)
def test_a_well_known_key_is_taken_out_wherever_it_stands(key: str) -> None:
    assert redact(f'before "{key}" after') == 'before "[redacted]" after'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [redacted]"),
        ("postgres://ann:pa55w0rd@db/x", "postgres://ann:[redacted]@db/x"),
        ("https://:tok3n@host", "https://:[redacted]@host"),
        (f"cut off: {PEM[:50]}", "cut off: [redacted]"),
        (PEM.replace("\n", "\\n") + '", "x": 1', '[redacted]", "x": 1'),
    ],
)
def test_only_the_secret_part_of_a_text_is_replaced(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the bearer certificates of the risk-adjusted-portfolio-model",
        "http://localhost:8080/v1 and http://[::1]:80/a@b",
        "task-sk-short",
        "def skip(a): return a['sk-1']",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_values_of_variables_with_secret_names_are_taken_out() -> None:
    environ = {
        "OPENAI_API_KEY": "local-key-1",
        "DB_PASSWORD": " hunter2-hunter2\n",
        "PGPASSWORD": "tiger-tiger",
        "AWS_ACCESS_KEY_ID": "id-of-a-key",
        "HOME": "/home/somebody",
        "TOKENIZERS_PARALLELISM": "whatever-it-is",
        "SHORT_TOKEN": "abc",
    }
    redactor = Redactor.from_environment(environ)

    text = redactor.redact(" ".join(value.strip() for value in environ.values()))

    assert text == "[redacted] [redacted] [redacted] [redacted] /home/somebody whatever-it-is abc"


def test_the_password_of_the_log_is_taken_out_but_no_word_that_is_the_user_too() -> None:
    password_redactor = Redactor.from_environment(
        {"CODER_LOG": "postgresql://coder:pass%40word@host/database"}
    )
    word = Redactor.from_environment({"CODER_LOG": "postgresql://postgres:postgres@host/database"})

    assert password_redactor.redact("as pass@word or pass%40word") == "as [redacted] or [redacted]"
    assert word.redact("import postgres") == "import postgres"


def test_secrets_that_overlap_leave_no_half_behind() -> None:
    redactor = Redactor(["abcd1234", "1234efgh"])

    assert redactor.redact("x abcd1234efgh y") == "x [redacted] y"


def test_a_secret_is_found_in_its_url_quoted_form() -> None:
    assert Redactor(["p@ss/wörd"]).redact("?key=p%40ss%2Fw%C3%B6rd&x") == "?key=[redacted]&x"


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["eyJ-", "://a:", "bearer ", "-----BEGIN ", "sk-", "-----BEGIN PRIVATE KEY-----"]
)
def test_megabytes_of_hostile_text_cost_linear_time(piece: str) -> None:
    assert_linear(redact, lambda size: piece * (size // len(piece)), size=400_000)


@pytest.mark.parametrize("secret", [*KEYS, "Bearer abc123def456", "https://a:pa55@h", "two words of it"])
def test_a_stream_cut_at_every_position_gives_what_the_whole_gives(secret: str) -> None:
    redactor = Redactor(["two words of it"])
    text = f"say two {secret} and\n bearer {secret} -----BEGIN {secret}x two words."

    for cut in range(len(text) + 1):
        assert _streamed(redactor, [text[:cut], text[cut:]]) == redactor.redact(text)


STARTS = ["bearer ", "abc12345", "-----BEGIN ", "RSA PRIVATE KEY-----", "://a:b@c", " "]
ABC = st.text(alphabet="abc ", min_size=1, max_size=40)
PIECES = st.lists(
    st.one_of(
        st.sampled_from([*KEYS, *STARTS]),
        st.sampled_from(["open sesame", "sesame open sesame", "sesame", "open", "open "]),
        st.sampled_from(
            ["open\\ sesame", "a&quot;b c d e", "a&quot;b ", "c d e", "&#32;open%20", "sesame\\u0020"]
        ),
        st.text(alphabet=string.ascii_letters[:4] + "09 -_.:/@\n\t\u2028\x1c\\", max_size=12),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_however_a_stream_is_cut_it_gives_what_the_whole_gives(pieces: list[str], sizes: list[int]) -> None:
    redactor = Redactor(["open sesame", "sesame open sesame", "abab0909", 'a"b c d e'])
    text = "".join(pieces)
    chunks, at = [], 0
    while at < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[at : at + size])
        at += size

    assert _streamed(redactor, chunks) == redactor.redact(text)


@pytest.mark.slow
@given(
    st.lists(st.text(alphabet="abc ", min_size=1, max_size=6), max_size=4),
    st.text(alphabet="abc ", max_size=40),
)
def test_no_known_secret_is_left_in_a_text(secrets: list[str], text: str) -> None:
    real_secrets = [secret for secret in secrets if secret.strip()]

    parts = Redactor(secrets).redact(text).split(REPLACEMENT)

    assert not [secret for secret in real_secrets if any(secret in part for part in parts)]


def test_words_before_the_last_blank_are_given_at_once() -> None:
    assert Redactor().stream().feed("def add(a, b):\n    ret") == "def add(a, b):\n    "


def _streamed(redactor: Redactor, chunks: list[str]) -> str:
    stream = redactor.stream()
    return "".join([*map(stream.feed, chunks), stream.finish()])


@pytest.mark.parametrize("variable", ["ACME_PAT", "ACME_API_KEY", "ACME_TOKENS"])
def test_variables_that_are_called_as_keys_are_have_their_values_taken_out(variable: str) -> None:
    redactor = Redactor.from_environment({variable: "value-0123", "PATH": "/usr/bin", "COMPAT": "value-4567"})

    assert redactor.redact("value-0123 /usr/bin value-4567") == f"{REPLACEMENT} /usr/bin value-4567"


def test_a_path_in_a_variable_is_no_secret_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{tmp_path}/token", "OTHER_KEY": "/not-a-file-0123"}
    redactor = Redactor.from_environment(environ | {"PLUGIN_KEY": str(tmp_path)})

    assert redactor.redact(f"{tmp_path}/token of {tmp_path}") == f"{tmp_path}/token of {tmp_path}"
    assert redactor.redact("x /not-a-file-0123 y") == "x [redacted] y"
