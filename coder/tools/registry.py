"""Registry: the tools offered to a model, by name."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from pydantic import Field

from coder.models.model import ToolCall, ToolSpec
from coder.tools.bash import Bash
from coder.tools.edit_tool import EditTool
from coder.tools.plan_tool import PlanTool
from coder.tools.protocol import unknown
from coder.tools.tool import Arguments, Desk, Tool, ToolResult, prepare_text, spec_of

MAX_SCHEMAS = 16_000
"""If the user's tools have more characters of schemas, they are available only to programs."""


class Done(Arguments):
    """Arguments of `done`."""

    summary: str = Field(description="What was changed, and why, in a few sentences.")
    check: str = Field(
        "", description="Command that shows it: exit code not 0 before the change, 0 after it."
    )


class Ask(Arguments):
    """Arguments of `ask`."""

    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field((), description="Answers to choose from.")


DONE = spec_of(
    "done",
    "Say that the task is done. The change is verified at once: the run ends, or what is left comes back. "
    "It may be the last call of an answer, and is dropped where a call before it failed.",
    Done,
)
ASK = spec_of("ask", "Ask the user what neither the task nor the files can tell. Use it rarely.", Ask)


class Registry:
    """The tools `bash`, `edit`, `plan`, `python` and the user's tools."""

    def __init__(
        self,
        own: Sequence[Tool] = (),
        *,
        kernel: bool = False,
        plan: bool = True,
        only_looks: bool = False,
        more: Sequence[Tool] = (),
    ) -> None:
        """Collect the built-in tools and the user's tools.

        Args:
            plan: offer `plan`, because somebody reads it.
            only_looks: offer only `bash` of the built-in tools.
            more: further built-in tools, for features that only some runs have.

        Raises:
            ValueError: two tools have the same name.
        """
        self.own = tuple(own)
        self._tools: dict[str, Tool] = {}
        built_in: list[Tool] = [Bash()]
        if not only_looks:
            built_in += [EditTool(), *([PlanTool()] if plan else [])]
        if kernel:
            from coder.tools.python_tool import PythonTool

            built_in.append(PythonTool())
        for tool in (*built_in, *more, *own):
            is_reserved = tool.spec.name in (DONE.name, ASK.name, "python") and tool in own
            if is_reserved or tool.spec.name in self._tools:
                raise ValueError(f"There is a tool named {tool.spec.name!r} already: rename the function.")
            self._tools[tool.spec.name] = tool

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of these tools; DONE and ASK are added by the participant that handles them."""
        size = sum(len(tool.spec.model_dump_json()) for tool in self.own)
        omitted = self.own if size > MAX_SCHEMAS else ()
        return tuple(tool.spec for tool in self._tools.values() if tool not in omitted)

    def find(self, name: str) -> Tool | None:
        """Return the tool of this name; None if there is none."""
        return self._tools.get(name)

    def has_effect(self, name: str) -> bool:
        """Whether the tool of this name changes something outside of the sandbox."""
        return name in self._tools and self._tools[name].effect

    async def answer(self, call: ToolCall, desk: Desk) -> ToolResult:
        """Execute a call; an error becomes the text of the result."""
        began = monotonic()
        tool = self._tools.get(call.name)
        if tool is None:
            return _refused(unknown(call.name, list(self._tools)))
        try:
            result = await tool.call(call.parsed(), desk)
        except ValueError as error:
            result = _refused(prepare_text(str(error), desk) or "the call failed.")
        return replace(result, seconds=result.seconds or monotonic() - began)


def _refused(reason: str) -> ToolResult:
    return ToolResult(f"error: {reason}", failed=True, refused=True)
