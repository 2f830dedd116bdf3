"""Whatever a task's file holds, it is read or refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harbor.schema import TaskTable
from benchmarks.harbor.task import parse_task
from coder.base.errors import UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
WORDS = (
    "schema_version task metadata agent environment verifier steps artifacts name timeout_sec memory os "
    "network_mode allowed_hosts collect mcp_servers min_reward healthcheck tpu env"
)
KEYS = st.sampled_from(WORDS.split(" "))


def as_toml(value: object) -> str:
    """Write a value as inline TOML; what TOML can't hold becomes text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {as_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return quoted(str(value))


def quoted(text: str) -> str:
    """Write a string of TOML."""
    return '"' + "".join(f"\\U{ord(sign):08x}" for sign in text if not "\ud800" <= sign <= "\udfff") + '"'


def parse(text: str) -> TaskTable | None:
    """Parse the text of a task's file; None if it is refused."""
    try:
        return parse_task(text, "task.toml")
    except UsageError:
        return None


TABLES = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=4)


@pytest.mark.slow
@given(table=TABLES)
def test_any_table_is_read_or_refused_as_a_usage_error(table: dict[str, object]) -> None:
    parsed = parse("\n".join(f"{key} = {as_toml(value)}" for key, value in table.items()))

    if parsed is not None:
        network = parsed.environment.network
        assert network.mode == "allowlist" or not network.hosts


@given(text=st.text(alphabet='[]{}="\n.,0a#é\0', max_size=60))
def test_any_text_is_read_or_refused_as_a_usage_error(text: str) -> None:
    parsed = parse(text)

    assert parsed is None or parsed.environment.os == "linux"


@pytest.mark.slow
@given(metadata=st.dictionaries(st.text("abc é.", max_size=6), st.text("abc é", max_size=9), max_size=5))
def test_free_metadata_is_read_as_it_is_written(metadata: dict[str, str]) -> None:
    lines = [f"{quoted(key)} = {quoted(value)}" for key, value in metadata.items()]

    parsed = parse("\n".join(["[metadata]", *lines]))

    assert parsed is not None
    assert parsed.metadata == metadata


def test_a_file_that_nests_too_deeply_is_refused() -> None:
    with pytest.raises(UsageError, match="TOML"):
        parse_task("a = " + "[" * 5000, "task.toml")
