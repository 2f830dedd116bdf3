"""How a question of a run stands on a terminal, and how a typed line answers it.

What is asked stands above the place to type, whole: a yes is offered only below its last line.
"""

from coder.base.text.sanitize import one_line, printable
from coder.run.questions import YES_OR_NO, Decision, Question, Waits, is_no, is_yes, this_person
from coder.show.chat_commands import is_lone_answer

_ALWAYS = ("a", "always")
_IN_WORDS = ("landing", "plan")
"""What words may answer: they say what should be different."""
_OR_WORDS = "[y]es, [N]o, or say what should be different: "
_WIDTH = 300
"""Characters of a question that stands before the place to type; a longer one stands above it."""


def question_lines(question: Question) -> list[str]:
    """The lines above the place to type, harmless for a terminal: a note, the text, its options."""
    lines = [f"  ! {line}" for line in printable(question.note.strip()).splitlines()]
    if question.kind == "approve" and _is_short(question):
        return lines
    lines += [f"  ? {line}" for line in printable(question.text.strip()).splitlines()]
    if question.kind == "approve":
        return lines
    return lines + [f"    {n}. {one_line(option)}" for n, option in enumerate(question.options, 1)]


def prompt_of(question: Question) -> str:
    """Return the prompt of the input line."""
    if question.kind != "approve":
        return "answer: "
    below = "Follow it?" if question.about == "plan" else "Allow this?"
    text = one_line(question.text, width=_WIDTH) if _is_short(question) else below
    if "always" in question.options:
        return f"{text} [y]es, [a]lways, [N]o: "
    return f"{text} {_OR_WORDS if question.about in _IN_WORDS else YES_OR_NO}"


def _is_short(question: Question) -> bool:
    text = printable(question.text.strip())
    return len(text) <= _WIDTH and len(text.splitlines()) <= 1


def typed_answer(question: Question, typed: str | None) -> Decision:
    """The answer that a line gives; of options also by its number.

    Raises:
        Waits: an empty line for words; or none, as the terminal is closed.
    """
    if typed is None:
        raise Waits(question.text)
    typed, who = typed.strip(), this_person()
    if question.kind == "approve":
        is_always = "always" in question.options and typed.lower() in _ALWAYS
        decision = "always" if is_always else "yes" if is_yes(typed) else "no"
        has_words = question.about in _IN_WORDS and not (
            is_yes(typed) or is_no(typed) or is_lone_answer(typed)
        )
        return Decision(decision=decision, words=typed if has_words else "", who=who, how="terminal")
    if not typed:
        raise Waits(question.text)
    return question.worded(typed).model_copy(update={"who": who, "how": "terminal"})
