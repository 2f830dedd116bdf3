"""How a question of a run stands on a terminal, and how a typed line answers it."""

from coder.run.questions import Decision, Question, Waits, this_person
from coder.text.sanitize import one_line, printable

_YES, _ALWAYS = ("y", "yes"), ("a", "always")
_WIDTH = 300


def question_lines(question: Question) -> list[str]:
    """The lines above the place to type, harmless for a terminal: notes, or the text and its options."""
    lines = [f"  ! {one_line(question.note, width=_WIDTH)}"] if question.note else []
    if question.kind == "approve":
        return lines
    lines += [f"  ? {line}" for line in printable(question.text.strip()).splitlines()]
    return lines + [f"    {n}. {one_line(option)}" for n, option in enumerate(question.options, 1)]


def prompt_of(question: Question) -> str:
    """What stands before the place to type."""
    if question.kind != "approve":
        return "answer: "
    choice = "[y]es, [a]lways, [N]o: " if "always" in question.options else "[y/N] "
    return f"{one_line(question.text, width=_WIDTH)} {choice}"


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
        decision = "always" if is_always else "yes" if typed.lower() in _YES else "no"
        return Decision(decision=decision, who=who, how="terminal")
    if not typed:
        raise Waits(question.text)
    return question.worded(typed).model_copy(update={"who": who, "how": "terminal"})
