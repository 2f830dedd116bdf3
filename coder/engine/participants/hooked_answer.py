"""Run the hooks on the edits in an answer of a model without tools, before the edits are tried."""

from coder.engine.participants.hook_gate import HookGate, gate_of
from coder.engine.turn.turn import Turn
from coder.environment.session_tree import SessionTree
from coder.run.attempts import code_to_repair
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.workspace.proposal import text_file


async def through_hooks(turn: Turn, message: CodeMessage) -> tuple[CodeMessage, str]:
    """Return an answer with the edits that hooks allow, and the hooks' refusals and remarks.

    A repository's hooks run in a copy of the session; what they change in the edited files is taken over.

    Raises:
        Waits: a hook wants the user to decide, and nobody can answer now.
    """
    gate = gate_of(turn)
    if gate is None or not message.changes.texts:
        return message, ""
    if not gate.hooks.of_files.has("PreToolUse", "PostToolUse") or not await turn.bench.has_sessions():
        return await _passed(gate, message, None)
    await turn.bench.close_copy()
    try:
        session_tree = await turn.bench.copy_session(turn.state)
        await _write(session_tree, turn.state, _texts_before(turn.state)[1])
        return await _passed(gate, message, session_tree)
    finally:
        await turn.bench.close_copy()


async def _passed(
    gate: HookGate, message: CodeMessage, session_tree: SessionTree | None
) -> tuple[CodeMessage, str]:
    state, changes = gate.turn.state, message.changes
    before, repaired_texts = _texts_before(state)
    passed = await gate.enter_texts(changes.texts, before, session_tree)
    if session_tree is not None:
        await _write(session_tree, state, passed.texts)
    await gate.leave_texts(passed, session_tree)
    if session_tree is not None:
        late = (await session_tree.changes())[0]
        passed.texts |= {
            path: file.text for path, file in late.items() if path in passed.texts and file is not None
        }
    words = gate.turn.bench.redactor.redact("\n".join([*passed.refusals, *passed.remarks]))
    texts = {
        path: text for path, text in changes.texts.items() if path in before and before[path] == text
    } | passed.texts
    texts |= {
        path: repaired_texts[path] for path in changes.texts if path not in texts and path in repaired_texts
    }
    new_changes = AnswerChanges(
        files={path: text for path, text in texts.items() if path not in changes.test_edits},
        test_edits={path: text for path, text in texts.items() if path in changes.test_edits},
        left_out=changes.left_out,
        problem=changes.problem or ("\n".join(passed.refusals) if not texts else ""),
    )
    return message.model_copy(update={"changes": new_changes}), words


def _texts_before(state: State) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Return the files that an answer refers to, and those that the repaired answer has changed."""
    repaired_code = code_to_repair(state)
    repaired_texts = dict(repaired_code.changes.texts) if repaired_code is not None else {}
    files = {path: stored.text for path, stored in state.files.items()} | repaired_texts
    return {path: text for path, text in files.items() if text is not None}, repaired_texts


async def _write(session_tree: SessionTree, state: State, texts: dict[str, str | None]) -> None:
    await session_tree.write(
        {path: text_file(text, like=state.files.get(path)) for path, text in texts.items()}
    )
