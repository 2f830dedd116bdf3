"""AnswerWork: a turn with tools of a task with a schema, which ends by a value that fits the schema."""

from pydantic import JsonValue

from coder.base.prompts import prompt
from coder.edits.replies import asks
from coder.engine.participants.answer_text import AnswerText
from coder.engine.participants.session_work import SessionWork
from coder.models.model import ToolCall
from coder.run.answer import answer_text, find_problem, split_answer
from coder.run.message import Message, QuestionMessage, ReplyMessage
from coder.tools.registry import Done
from coder.tools.tool import read_arguments


class AnswerWork(SessionWork):
    """Work of a turn by tools, until `done`, or a ```json block, holds the task's answer."""

    async def _reply(self) -> Message | str | None:
        text = self.talk.words or ""
        try:
            value, rest = split_answer(text)
            problem = find_problem(self._schema, value)
        except ValueError as error:
            value, rest, problem = None, text, f"it holds no JSON ({error})"
        answer = AnswerText(self._turn, self._role, self.talk, self._place, self._ends)
        edits = await answer.make_edits(rest)
        if edits.problem is not None and not edits.empty:
            return edits.problem
        if self.talk.speaks_text():
            await self.talk.to_text()
            return None if self.talk.open_calls() else prompt("act-text")
        if not problem:
            return self._answered(value, rest)
        if asks(text) and self._turn.state.settings.asks:
            return QuestionMessage(author=self._role.name, text=text)
        return prompt("answer-nudge").format(problem=problem)

    def _done(self, call: ToolCall) -> Message | str:
        arguments = call.parsed()
        if "answer" not in arguments:
            raise ValueError("`done` needs the argument `answer`.")
        value = arguments.pop("answer")
        if problem := find_problem(self._schema, value):
            raise ValueError(f"`answer` doesn't fit its schema: {problem}")
        done = read_arguments({"summary": "", **arguments}, Done, name=call.name)
        return self._answered(value, done.summary, check=done.check)

    @property
    def _schema(self) -> dict[str, JsonValue]:
        return self._turn.state.task.answer_schema or {}

    def _answered(self, value: JsonValue, summary: str, *, check: str = "") -> Message:
        """Return the message with the answer; a reply if no file has changed and there are no tests."""
        code = self._code(answer_text(value, summary), check=check)
        task = self._turn.state.task
        is_tested = task.test_command is not None or bool(task.test_files or task.checks)
        if code.changes.texts or code.changes.left_out or is_tested:
            return code
        return ReplyMessage(author=self._role.name, text=code.text)
