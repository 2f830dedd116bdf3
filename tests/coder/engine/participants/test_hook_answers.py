"""Answers of hooks: one that blocks is obeyed, whatever else the hook prints."""

import shlex
from pathlib import Path

import pytest

from coder.engine.participants.hook_commands import HookAnswer, hook_document, run_in_sandbox, run_on_host
from coder.run.extensions import Hook
from sandbox import Policy
from tests.kept_sandboxes import KEPT
from tests.recorded_runs import RECORDED
from tests.sandbox_pool import open_kept

pytestmark = [KEPT, RECORDED]

DENY = (
    '{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "deny",'
    ' "permissionDecisionReason": "never"}}'
)
ALLOW = '{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "allow"}}'
ASK = (
    '{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "ask",'
    ' "permissionDecisionReason": "sure?"}}'
)


async def answer_of(
    printed: str, folder: Path, *, exit_code: int = 0, event: str = "PreToolUse"
) -> HookAnswer:
    (folder / "printed").write_text(printed)
    command = f"cat {shlex.quote(str(folder / 'printed'))}; exit {exit_code}"
    return await run_on_host(hook_of(command, event), hook_document("run_a", event, None), None)


def hook_of(command: str, event: str = "PreToolUse") -> Hook:
    return Hook(event=event, command=command, timeout=60)


@pytest.mark.parametrize(
    "printed",
    [
        DENY,
        f"loading…\n{DENY}",
        f"log: {DENY}",
        f"{DENY}\ndone",
        f"{ALLOW}\n{DENY}",
        f"{ALLOW}{DENY}",
        f'{{"unclosed": {DENY}',
        f"{{ {{ }} [{DENY}]",
        f'"quoted {DENY}',
        f"\ufeff{DENY}",
        f"{DENY}\r" + "Finished. " * 40,
        f"{'x' * 3_000_000}\n{DENY}",
        f"{'x' * 3_000_000}\n{DENY}\n{'x' * 3_000_000}",
        f"{'{' * 2_000}{DENY}",
        f'{{"a": {"[" * 100_000}\n{DENY}',
        '{"decision": "block", "reason": "never"}',
        'warning: slow\n{"decision": "block", "reason": "never"}',
        DENY.replace("PreToolUse", "preToolUse"),
    ],
    ids=range(18),
)
async def test_a_deny_is_obeyed_whatever_stands_around_it(printed: str, tmp_path: Path) -> None:
    answer = await answer_of(printed, tmp_path)

    assert answer.objection == "never"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "objection"),
    [
        (f"printf '%s\\r%s\\n' {shlex.quote(DENY)} Finished.", "never"),
        (f"head -c 900000 /dev/zero; echo {shlex.quote(DENY)}", "never"),
        (
            f"head -c 2000000 /dev/zero; echo {shlex.quote(DENY)}; head -c 2000000 /dev/zero",
            "it printed more",
        ),
        (f"echo {shlex.quote(DENY)}; cat /dev/zero", "never"),
        (f"head -c 2000000 /dev/zero; echo {shlex.quote(DENY)}; cat /dev/zero", "it printed more"),
    ],
    ids=range(5),
)
async def test_a_deny_in_long_output_in_the_sandbox_is_obeyed(command: str, objection: str) -> None:
    async with open_kept(Policy()) as box, box.session(fresh=True) as session:
        answer = await run_in_sandbox(hook_of(command), hook_document("run_a", "", None), session, most_s=60)
        at_end = await run_in_sandbox(
            hook_of(command, "Stop"), hook_document("run_a", "", None), session, most_s=60
        )

    assert (answer.objection or "").startswith(objection)
    if objection != "never":
        assert (at_end.objection, at_end.problem) == (None, answer.objection)


@pytest.mark.slow
async def test_a_model_cannot_keep_a_hook_in_the_sandbox_from_running() -> None:
    hook, document = hook_of("echo never >&2; exit 2"), hook_document("run_a", "", None)
    async with open_kept(Policy()) as box, box.session(fresh=True) as session:
        await session.sh("mkdir -p /tmp/.hook-stderr/a")
        answer = await run_in_sandbox(hook, document, session, most_s=60)

    assert answer.objection == "never"


async def test_a_deny_of_a_hook_that_then_fails_is_obeyed(tmp_path: Path) -> None:
    assert (await answer_of(DENY, tmp_path, exit_code=1)).objection == "never"


@pytest.mark.parametrize("printed", [DENY[:-1], f"loading\n{DENY[:-2]}", DENY.replace('"', "'")])
async def test_an_answer_in_torn_json_is_named_as_a_problem(printed: str, tmp_path: Path) -> None:
    assert "JSON that can't be read" in (await answer_of(printed, tmp_path)).problem


@pytest.mark.parametrize(
    "printed", [f"log\n{ALLOW}", f"{ALLOW}\n{ALLOW}", f'{{"tool_input": {DENY}}}', "{}", ""]
)
async def test_only_an_answer_that_stands_alone_can_allow(printed: str, tmp_path: Path) -> None:
    answer = await answer_of(printed, tmp_path)

    assert (answer.decision, answer.objection) == (None, None)
    assert (await answer_of(f" {ALLOW}\n", tmp_path)).decision == "allow"


async def test_a_question_among_several_answers_is_asked(tmp_path: Path) -> None:
    answer = await answer_of(f"{ALLOW}\nnote\n{ASK}", tmp_path)

    assert (answer.decision, answer.reason) == ("ask", "sure?")


async def test_plain_text_is_still_context_of_a_message(tmp_path: Path) -> None:
    answer = await answer_of("Use tabs {everywhere}.\n", tmp_path, event="UserPromptSubmit")

    assert (answer.context, answer.objection) == ("Use tabs {everywhere}.", None)
