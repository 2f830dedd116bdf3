"""Coder: asks the model for code, and asks again (at most twice) when the answer's form is off."""

from coder.answers import Parsed, parse_answer
from coder.message import Message
from coder.models.model import ChatMessage, Sampling
from coder.models.weights import EMBEDDED
from coder.rounds import Round, is_repeat, next_round
from coder.state import State
from coder.target import Target, decides, find_target
from coder.turn import Turn
from coder.view import coder_view

MAX_REASKS = 2
"""Questions about form in one turn; they cost calls but no repair."""
_FRESH_TEMPERATURE = 0.8
_MOST_QUOTED = 24_000
"""Characters of an answer whose form was off."""
_EMBEDDED_TOKENS = 768
"""The embedded model has lost its thread when it writes more than this for one answer."""


class Coder:
    """Writes code: a first attempt, a repair of what failed, or a fresh start."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Ask for code until its form is right, and hand on whole files."""
        state = turn.state
        target = find_target(state.task, state.files)
        upcoming = next_round(state)
        view = coder_view(state, target, upcoming)
        parsed, text = await self._ask(turn, view, target, upcoming)
        files: dict[str, str | None] = {
            path: code for path, code in parsed.files.items() if not decides(path, state.task, target)
        }
        return Message(
            author=self.name,
            kind="code",
            sample=upcoming.sample,
            attempt=upcoming.attempt,
            text=text,
            files=files,
            repeats=is_repeat(state, files, text),
        )

    async def _ask(
        self, turn: Turn, view: list[ChatMessage], target: Target, upcoming: Round
    ) -> tuple[Parsed, str]:
        said = None
        for reask in range(MAX_REASKS + 1):
            sampling = _sampling(turn.state, upcoming, reask)
            text = await turn.ask(view, sampling=sampling)
            parsed = parse_answer(text, default=target.path, expected=target.names)
            if parsed.problem is None or text == said:
                break  # whoever repeats itself word for word will not be moved by being asked again
            said = text
            view = [
                *view,
                ChatMessage(role="assistant", content=_quoted(text)),
                ChatMessage(role="user", content=parsed.problem),
            ]
        return parsed, text


def _quoted(text: str) -> str:
    """An answer as the next question quotes it: one without end must not cost again what it cost once."""
    if len(text) <= _MOST_QUOTED:
        return text or "(empty answer)"
    half = _MOST_QUOTED // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


def _sampling(state: State, upcoming: Round, reask: int) -> Sampling:
    """Greedy first, then drawn: a fresh start that can't differ would be no fresh start."""
    settings = state.settings
    most = _EMBEDDED_TOKENS if state.model == f"local/{EMBEDDED}" else settings.max_answer_tokens
    default = 0.0 if upcoming.sample == 1 else _FRESH_TEMPERATURE
    return Sampling(
        temperature=settings.temperature if settings.temperature is not None else default,
        top_p=settings.top_p,
        seed=settings.seed + 1000 * (upcoming.sample - 1) + 10 * (upcoming.attempt - 1) + reask,
        max_tokens=min(most, settings.max_answer_tokens),
    )
