"""What hooks are told of calls and edits, in Claude's fields, and what they change in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.engine.participants.hook_inputs import HookedCall, HookedEdit
from coder.models.model import ToolCall

CALL = ToolCall(id="1", name="edit", arguments="{}")
TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "", "d"]), max_size=8).map("".join)


def bash(**arguments: object) -> HookedCall:
    return HookedCall(ToolCall(id="1", name="bash", arguments=json.dumps(arguments)))


@pytest.mark.slow
@given(before=TEXTS.filter(bool), after=TEXTS)
def test_the_replacement_that_a_hook_is_told_makes_the_edit(before: str, after: str) -> None:
    edit = HookedEdit(CALL, "a.py", before, after)

    hook_input = edit.input("Edit", "/w")

    assert before.replace(str(hook_input["old_string"]), str(hook_input["new_string"])) == after
    assert edit.with_input("Edit", "/w", hook_input).after == after


def test_a_new_file_is_a_write_with_its_content_and_an_edit_names_old_and_new() -> None:
    new = HookedEdit(CALL, "a.py", None, "x")
    old = HookedEdit(CALL, "a.py", "x\n", "y\n", ("x", "y", False))

    assert new.names[0] == "Write"
    assert new.input("Write", "/w") == {"file_path": "/w/a.py", "content": "x"}
    assert old.names[0] == "Edit"
    assert old.input("Edit", "/w") == {
        "file_path": "/w/a.py",
        "old_string": "x",
        "new_string": "y",
        "replace_all": False,
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "/w/../x", "/w/.git/hooks/pre-commit"])
def test_a_hook_cannot_move_an_edit_out_of_the_workspace(path: str) -> None:
    with pytest.raises(ValueError, match="a hook changed the path"):
        HookedEdit(CALL, "a.py", None, "x").with_input("Write", "/w", {"file_path": path, "content": "y"})


def test_a_command_has_claudes_fields_in_both_directions() -> None:
    call = bash(command="make", timeout_s=5, max_characters=2_000)

    hook_input = call.input("Bash", "/w")
    changed = call.with_input("Bash", "/w", {"command": "make -k", "timeout": 9_000, "description": "x"})

    assert hook_input == {"command": "make", "timeout": 5_000, "max_characters": 2_000}
    assert json.loads(changed.call.arguments) == {
        "command": "make -k",
        "timeout_s": 9.0,
        "max_characters": 2_000,
    }
