"""`/jobs`: what commands have left running in the session of a conversation."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.people.cli.session_commands import run_jobs_command
from tests.coder.engine.participants.test_acting import call
from tests.coder.people.chat.test_acting_chat import heard, talk


@pytest.mark.slow
async def test_what_runs_in_the_background_is_listed_and_ended_and_the_model_is_told(folder: Path) -> None:
    leave = [call("bash", command="exec sleep 1000", background=True)]
    async with talk(folder, leave, "It runs.", "I see.") as (session, model):
        before = await run_jobs_command(session, [])
        await session.say("start it")
        listed = await run_jobs_command(session, [])
        pid = listed.split()[1]
        stopped = await run_jobs_command(session, ["stop", pid])
        after = await run_jobs_command(session, [])
        with pytest.raises(UsageError, match=f"Nothing of pid {pid} runs"):
            await run_jobs_command(session, ["stop", pid])
        with pytest.raises(UsageError, match="/jobs stop PID"):
            await run_jobs_command(session, ["end", pid])
        await session.say("and now?")

    assert (before, after) == ("nothing runs in the background",) * 2
    assert listed.startswith(f"pid {pid}  ")
    assert " s  sleep 1000  output: /tmp/out/" in listed
    assert stopped == "stopped: sleep 1000"
    assert f"The user has stopped pid {pid} in the sandbox: sleep 1000" in heard(model, 3)


@pytest.mark.slow
async def test_subagents_of_a_conversation_are_listed_with_what_they_have_used(folder: Path) -> None:
    (folder / ".claude/agents").mkdir(parents=True)
    (folder / ".claude/agents/looker.md").write_text("---\ndescription: Looks.\n---\nLook closely.\n")
    ask = [call("delegate", agent="looker", task="Read it.")]
    async with talk(folder, ask, "It is short.", "I see.", ask, "Still short.", "So it is.") as (
        session,
        model,
    ):
        await session.say("what is it?")
        await session.say("and now?")
        listed = await run_jobs_command(session, [])

    runs = [line.split()[:2] for line in listed.splitlines()]
    assert [name for _, name in runs] == ["looker", "looker"]
    assert len({run for run, _ in runs}) == 2
    assert listed.count("1 call  ") == 2
    assert "It is short." in heard(model, 3)
