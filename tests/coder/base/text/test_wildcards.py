"""Wildcards match as the regular expressions of the same meaning do, and never take long."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.wildcards import Wild, matches
from coder.config.hooks import covers, read_hooks
from coder.config.permission_rules import of_command, of_edits
from coder.run.extensions import Rules

EXPRESSIONS = {
    Wild.ANY: ".*",
    Wild.NAME: "[^/]*",
    Wild.ONE: "[^/]",
    Wild.FOLDERS: "(?:.*/)?",
    Wild.BELOW: "(?:/.*)?",
    Wild.OPTIONS: "(?: -[^ ]*(?: [^ ]*)?)*",
}
PARTS = st.lists(st.sampled_from(Wild) | st.text("ab/ -", max_size=2), max_size=5)


@pytest.mark.slow
@given(parts=PARTS, text=st.text("ab/ -", max_size=7))
def test_parts_match_as_a_regular_expression_does(parts: list[Wild | str], text: str) -> None:
    expression = "".join(EXPRESSIONS[part] if isinstance(part, Wild) else re.escape(part) for part in parts)

    assert matches(parts, text) == (re.fullmatch(expression, text) is not None)


def test_a_repositorys_patterns_take_no_time_that_grows_with_powers() -> None:
    rows = [{"matcher": ".*" * 240 + "x", "hooks": [{"command": "x"}]}]
    (hook,) = read_hooks(json.dumps({"hooks": {"PreToolUse": rows}}))
    rules = Rules(deny=(f"Edit({'*a' * 500}b)", f"Edit({'**a' * 500}b)"), ask=(f"Bash(git {'*a' * 500}b)",))

    assert not covers(hook, "NotebookEdit")
    assert of_edits(rules, ["a" * 600], Path("/w")) == {}
    assert of_command(rules, ["git", "a" * 600]) is None
