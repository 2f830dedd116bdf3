"""Replay: sends the logged events of a conversation to a client, by the same watch as a live session."""

from collections.abc import Iterable, Mapping, Sequence

from coder.base.text.sanitize import one_line, printable
from coder.people.acp.session_watch import SessionWatch
from coder.people.chat.word_stream import unshown
from coder.run import event_types
from coder.run.attempts import best_code
from coder.run.conversation import answer_in_words
from coder.run.events import Event
from coder.run.reducer import begin, fold
from coder.run.run import Run, summarize
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.show import render
from coder.workspace.consent import files_to_edit


class Replay:
    """Shows events in order, and keeps the state that they lead to."""

    def __init__(self, watch: SessionWatch, state: State | None = None) -> None:
        """Continue after the events that have led to `state`; None: begin with the first event of a run."""
        self._watch = watch
        self._state = state
        self._originals: dict[str, StoredFile] = {}
        """Replaced files by digest: of a large folder, the log has no other contents."""

    @property
    def state(self) -> State:
        """The state after the last event. Raises RuntimeError if there was no event."""
        if self._state is None:
            raise RuntimeError("a replay has no state before its first event")
        return self._state

    def show(self, events: Sequence[Event]) -> None:
        """Send these events, as far as a client can show them."""
        bodies = [event_types.parse(event) for event in events]
        for body in bodies:
            if isinstance(body, event_types.LandingPlanned):
                self._originals |= {file.digest: file for file in body.before.values()}
        for event, body in zip(events, bodies, strict=True):
            self._show(event, body)

    def _show(self, event: Event, body: event_types.Body | None) -> None:
        watch, before = self._watch, self._state
        self._state = state = begin(event) if before is None else fold(before, event, body)
        match body:
            case event_types.RunStarted(task=task) | event_types.StepStarted(task=task):
                watch.repeat(printable(task.prompt), task.pictures)
            case event_types.CallAnswered(text=text):
                watch.token(text)  # its tokens went to another client
            case event_types.ToolAnswered(changes=changes) if before is not None:
                watch.expect(self._texts({**before.files, **before.dialogue.session.tree}, changes))
            case event_types.QuestionAsked():
                code = best_code(state) if body.about == "landing" else None
                files = files_to_edit(state, code) if code is not None else {}
                question = body.model_copy(update={"files": files})
                watch.show_question(body.id, question, self._texts(state.files, files))
            case event_types.QuestionAnswered():
                watch.show_decision(body.id, body)
                who = one_line(body.who, width=60) or "a program"
                watch.note(f"{who} answered: {one_line(body.answer_text, width=300)}")
        watch.event(event)
        if isinstance(body, event_types.RunStopped):
            watch.say(words_at_end(state, summarize(state), watch.words.text))

    def _texts(self, files: Mapping[str, StoredFile | None], paths: Iterable[str]) -> dict[str, str | None]:
        """Return the texts of files, without those whose contents the log lacks."""
        texts = {}
        for path in paths:
            file = files.get(path)
            if file is not None and file.is_listed:
                file = self._originals.get(file.digest, file)
            if file is None or not file.is_listed:
                texts[path] = file.text if file is not None else None
        return texts


def words_at_end(state: State | None, run: Run, shown: str) -> str:
    """Return the text for the end of a message: what wasn't shown of its answer, or the verdict."""
    answer = answer_in_words(state) if state is not None else None
    if answer is None:
        return "\n".join([render.verdict(run), *render.details(run)])
    return unshown(printable(answer.strip()), shown)
