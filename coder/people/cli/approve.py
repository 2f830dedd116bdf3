"""`coder approve`: answer the question that a run waits with, from any terminal, and continue the run."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import one_line, visible
from coder.engine.requests import answer as answer_run
from coder.engine.requests import state_of, when_free
from coder.people.cli.resume import go_on, resume_of, with_state
from coder.people.cli.show_run import RunId
from coder.run.attempts import best_code
from coder.run.open_question import open_question
from coder.run.questions import Decision, Question, this_person
from coder.run.run import Run
from coder.run.state import State
from coder.show.asking import prompt_of, question_lines, typed_answer
from coder.show.flags import RESUME_FLAGS, option, takes
from coder.show.interrupt import run_until_interrupted
from coder.show.screen import Screen
from coder.show.terminal import read_line
from coder.store import open_log
from coder.workspace.consent import files_to_edit


@takes(RESUME_FLAGS)
def approve(
    context: typer.Context,
    run: RunId,
    no: Annotated[
        str | None, option("--no", "Say no; WHY tells the model what should be different.", "WHY")
    ] = None,
    answer: Annotated[str | None, option("--answer", "Answer in words, or by an option.", "TEXT")] = None,
    edit: Annotated[bool, option("--edit", "Edit the change; your version is tried.")] = False,
) -> None:
    """Answer the question that a run waits for, and continue it.

    The question is printed in full. Without a flag the answer is yes, which you confirm where there is a
    terminal. With --detach the answer is only recorded.
    """
    if sum((no is not None, answer is not None, edit)) > 1:
        raise UsageError("--no, --answer and --edit exclude each other.")
    if context.params["detach"]:
        decision = run_until_interrupted(_answer(run, context.params))
        typer.echo(
            f"Answered: {one_line(decision.answer_text, width=200)}. "
            f"Go on with: {own_command()} resume {run}",
            err=True,
        )
        return
    go_on(context, partial(_approve, run))


async def _approve(prefix: str, *, args: Mapping[str, Any], screen: Screen, **options: Any) -> Run:  # noqa: ANN401 - passed on
    await _answer(prefix, args)
    with open_log() as log:
        run = await log.resolve(prefix)
        state = await state_of(log, run)
        resume = partial(resume_of(state), run, log=log)
        return await when_free(lambda: with_state(state, resume, args=args, screen=screen, **options))


async def _confirm(question: Question) -> Decision:
    """Print the question and return yes; on a terminal, return the typed answer instead."""
    if question.patch:
        typer.echo(visible(question.patch).rstrip("\n"), err=True)
    for line in question_lines(question):
        typer.echo(line, err=True)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return Decision(decision="yes")
    return typed_answer(question, await read_line(prompt_of(question)))


async def _answer(prefix: str, args: Mapping[str, Any]) -> Decision:
    with open_log() as log:
        run = await log.resolve(prefix)
        state = await state_of(log, run)
        question_id, question = open_question(state)
        decision = await _answer_of(state, question, args)
        await when_free(lambda: answer_run(run, decision, question_id=question_id, log=log))
        return decision


async def _answer_of(state: State, question: Question, args: Mapping[str, Any]) -> Decision:
    """Return the answer that the flags give to the run's open question."""
    origin = {"who": this_person(), "how": "approve"}
    if args["edit"]:
        from coder.people.cli.editor import edit_files

        code = best_code(state) if question.about == "landing" else None
        if code is None:
            raise UsageError(f"{state.run} doesn't ask about a change: there is nothing to edit.")
        files = await edit_files(files_to_edit(state, code), environ=os.environ)
        return Decision(decision="no", files=files).model_copy(update=origin)
    if args["no"] is not None:
        return Decision(decision="no", words=args["no"].strip()).model_copy(update=origin)
    words = args["answer"]
    if words is None and question.kind != "approve":
        raise UsageError(f'{state.run} asks: {question.text}\nAnswer it in words: --answer "…"')
    if words is None:
        return (await _confirm(question)).model_copy(update=origin)
    return question.worded(words).model_copy(update=origin)
