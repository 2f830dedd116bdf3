"""What a client shows beside the conversation: the file that is worked on, the title, tokens and cost."""

from datetime import datetime
from pathlib import Path

import pytest
from acp.schema import SessionInfoUpdate, ToolCallProgress, ToolCallStart, UsageUpdate

from tests.coder.models.test_catalog import document, provider
from tests.coder.people.acp.editor import editing
from tests.coder.people.acp.test_editor import DONE
from tests.coder.people.acp.test_replay import loaded
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import calls, faulty_endpoint, says

pytestmark = pytest.mark.slow
PATCH = "*** Begin Patch\n*** Update File: calc.py\n@@\n-    return a - b\n+    return a + b\n*** End Patch\n"


@pytest.mark.parametrize(
    "edit",
    [{"path": "calc.py", "old": "a - b", "new": "a + b"}, {"path": "", "old": "", "new": PATCH}],
    ids=["edit", "patch"],
)
async def test_a_call_names_the_file_that_it_edits_and_then_the_line(
    console: Console, project: Path, edit: dict[str, str]
) -> None:
    with faulty_endpoint(calls("edit", **edit), DONE) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            await editor.say(await editor.open(project), "Mend add.")

    started, ended = (
        [place for one in editor.updates if isinstance(one, kind) for place in one.locations or []]
        for kind in (ToolCallStart, ToolCallProgress)
    )
    assert [(place.path, place.line) for place in started] == [(str(project / "calc.py"), None)]
    assert [(place.path, place.line) for place in ended] == [(str(project / "calc.py"), 2)]


async def test_a_file_outside_of_the_folder_is_no_place_to_follow(console: Console, project: Path) -> None:
    edit = calls("edit", path="../../etc/hosts", old="a", new="b")
    with faulty_endpoint(edit, DONE, says("I can't.")) as endpoint:
        async with editing(console, endpoint) as editor:
            await editor.say(await editor.open(project), "Mend it.")

    (started,) = [one for one in editor.updates if isinstance(one, ToolCallStart) and one.kind == "edit"]
    assert "etc/hosts" in started.title
    assert not started.locations


async def test_a_session_is_named_by_its_first_message_as_it_is_in_the_list(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            await editor.say(session, "\nWhat is this?\nMore.")
            await editor.say(session, "And that?")
            (listed,) = (await editor.agent.list_sessions()).sessions
        later = await loaded(console, project, session)

    for updates in (editor.updates, later.updates):
        (info,) = [one for one in updates if isinstance(one, SessionInfoUpdate)]
        assert info.title == listed.title == "What is this?"
        assert datetime.fromisoformat(info.updated_at or "").tzinfo is not None


async def test_tokens_and_cost_are_told_after_each_answer_of_a_model_whose_window_is_known(
    console: Console, project: Path
) -> None:
    (source := console.home / "catalog.json").write_bytes(document(openai=provider()))
    console.run("models", "update", "--from", str(source))
    with faulty_endpoint(says("It ", "adds."), says("Well.")) as endpoint:
        keys = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none"}
        flags = ("-m", "openai/big", "--price", "1,10")
        async with editing(console, None, more_flags=flags, **keys) as editor:
            session = await editor.open(project)
            await editor.say(session, "What is this?")
            await editor.say(session, "And that?")

    used = [one for one in editor.updates if isinstance(one, UsageUpdate)]
    costs = [round(one.cost.amount, 9) for one in used if one.cost is not None]
    assert [(one.used, one.size) for one in used] == [(9, 200_000), (8, 200_000)]
    assert costs == [0.000_027, 0.000_044]  # 7 tokens in for 1 dollar a million, and 2 or 1 out for 10


async def test_no_tokens_are_told_of_a_model_whose_window_is_unknown(console: Console, project: Path) -> None:
    with faulty_endpoint(says("It adds.")) as endpoint:
        async with editing(console, endpoint) as editor:
            await editor.say(await editor.open(project), "What is this?")

    assert not [one for one in editor.updates if isinstance(one, UsageUpdate)]
