"""Ask questions with free-text answers by the protocol's `elicitation/create`, if a client has forms."""

from acp import RequestError
from acp.interfaces import Client
from acp.schema import (
    AcceptElicitationResponse,
    ClientCapabilities,
    ElicitationFormSessionMode,
    ElicitationSchema,
    ElicitationStringPropertySchema,
)
from pydantic import ValidationError

from coder.base.text.sanitize import printable
from coder.run.prompt import MAX_PROMPT
from coder.run.questions import Decision, Question, Waits

_CHOICE, _WORDS = "choice", "answer"


def offers_forms(capabilities: ClientCapabilities | None) -> bool:
    """Return whether a client shows forms."""
    return bool(capabilities and capabilities.elicitation and capabilities.elicitation.form is not None)


def form_of(question: Question) -> ElicitationSchema:
    """Return the form of a question: a text, or a choice with a text for any other answer."""
    if not question.options:
        words = ElicitationStringPropertySchema(type="string", title="Answer")
        return ElicitationSchema(properties={_WORDS: words}, required=[_WORDS])
    options = [printable(option) for option in question.options]
    choice = ElicitationStringPropertySchema(type="string", title="Choose one", enum=options)
    words = ElicitationStringPropertySchema(type="string", title="Or answer in words")
    return ElicitationSchema(properties={_CHOICE: choice, _WORDS: words})


async def ask_in_form(client: Client, session_id: str, question: Question) -> Decision:
    """Ask a question. Raises Waits if the user gives no answer, or the client sends an invalid one."""
    mode = ElicitationFormSessionMode(session_id=session_id, requested_schema=form_of(question))
    try:
        response = await client.create_elicitation(printable(question.text.strip()), mode)
    except (RequestError, ValidationError) as error:
        raise Waits(question.text) from error
    content = response.content if isinstance(response, AcceptElicitationResponse) else None
    if (words := answer_in(content or {}, question)) is None:
        raise Waits(question.text)
    return question.worded(words)


def answer_in(content: dict[str, object], question: Question) -> str | None:
    """Return the answer in a form's content: the words, or else the chosen option; None if there is none."""
    words, choice = content.get(_WORDS), content.get(_CHOICE)
    if isinstance(words, str) and words.strip() and len(words) <= MAX_PROMPT:
        return words
    options_by_text = {printable(option): option for option in question.options}
    return options_by_text.get(choice) if isinstance(choice, str) else None
