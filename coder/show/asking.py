"""Format a question of a run for a terminal, and turn a typed line into its answer.

The whole question is printed above the input line, so that a yes is only offered after its last line.
"""

from coder.base.text.sanitize import one_line, printable
from coder.run.questions import YES_OR_NO, Decision, Question, Waits, is_no, is_yes, this_person
from coder.show.chat_commands import is_lone_answer

_ALWAYS_ANSWERS = ("a", "always")
_TOPICS_WITH_WORDS = ("landing", "plan")
"""Topics of questions that may be answered in words, which say what should be different."""
_CHOICES_WITH_WORDS = "[y]es, [N]o, or say what should be different: "
_WIDTH = 300
"""Maximum characters of a question on the input line; a longer question is printed above the line."""


def question_lines(question: Question) -> list[str]:
    """Return the lines above the input line, without control characters: words of the model, a note, the
    text, its options.
    """
    lines = [f"  {line}" for line in printable(question.reply.strip()).splitlines()]
    lines += [f"  ! {line}" for line in printable(question.note.strip()).splitlines()]
    if question.kind == "approve" and _is_short(question):
        return lines
    lines += [f"  ? {line}" for line in printable(question.text.strip()).splitlines()]
    if question.kind == "approve":
        return lines
    return lines + [f"    {number}. {one_line(option)}" for number, option in enumerate(question.options, 1)]


def prompt_of(question: Question) -> str:
    """Return the prompt of the input line."""
    if question.kind != "approve":
        return "answer: "
    request = "Follow it?" if question.about == "plan" else "Allow this?"
    text = one_line(question.text, width=_WIDTH) if _is_short(question) else request
    if "always" in question.options:
        return f"{text} [y]es, [a]lways, [N]o: "
    return f"{text} {_CHOICES_WITH_WORDS if question.about in _TOPICS_WITH_WORDS else YES_OR_NO}"


def _is_short(question: Question) -> bool:
    text = printable(question.text.strip())
    return len(text) <= _WIDTH and len(text.splitlines()) <= 1


def typed_answer(question: Question, line: str | None) -> Decision:
    """Return the answer in a typed line, which may name an option by its number.

    Raises:
        Waits: the line is empty, or the terminal is closed.
    """
    if line is None:
        raise Waits(question.text)
    line, person = line.strip(), this_person()
    if question.kind == "approve":
        is_always = "always" in question.options and line.lower() in _ALWAYS_ANSWERS
        decision = "always" if is_always else "yes" if is_yes(line) else "no"
        has_words = question.about in _TOPICS_WITH_WORDS and not (
            is_yes(line) or is_no(line) or is_lone_answer(line)
        )
        return Decision(decision=decision, words=line if has_words else "", who=person, how="terminal")
    if not line:
        raise Waits(question.text)
    return question.worded(line).model_copy(update={"who": person, "how": "terminal"})
