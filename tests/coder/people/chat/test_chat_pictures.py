"""Pictures in a conversation: `@shot.png` in a message is one that the model sees."""

import base64
import json
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.models.abilities import Abilities
from coder.models.answer_parts import Image
from coder.models.scripted import Scripted
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.chat_commands import parse_line
from tests.coder.config.test_image_files import PDF, PNG
from tests.coder.people.chat.test_chat_session import Person
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import error, faulty_endpoint, says
from tests.memory_log import MemoryLog

ENCODED = base64.b64encode(PNG).decode()
PICTURE = Image(media_type="image/png", base64=ENCODED)


async def said(folder: Path, *messages: str, model: Scripted) -> ChatSession:
    settings = Settings(strategy="act", budget=Budget(max_calls=50))
    opening = open_session(
        MemoryLog(), Task(prompt="-", workspace=folder), settings=settings, model=model, watch=Person()
    )
    async with opening as session:
        for message in messages:
            await session.say(message)
    return session


async def test_a_picture_is_shown_with_its_message_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shot.PNG").write_bytes(PNG)
    (folder / "inner.png").write_bytes(PNG)
    model = Scripted(["Blue.", "Still."])

    await said(folder, f"why is @{tmp_path}/shot.PNG unlike @inner.png and @main.py?", "sure?", model=model)

    prompt = model.requests[0].messages[-1]
    assert prompt.images == (PICTURE, PICTURE)
    assert "This is about: `main.py`." in prompt.content
    assert [len(message.images) for message in model.requests[1].messages if message.role == "user"] == [2, 0]


@pytest.mark.parametrize(
    "typed",
    [
        "what is in this? {folder}/my\\ shot\u202f1.png",
        "'{folder}/my shot\u202f1.png' is red, isn't it?",
        'why is "{folder}/my shot\u202f1.png", red',
        "see file://{folder}/my%20shot%E2%80%AF1.png.",
        "{folder}/my\\ shot\u202f1.png",
    ],
)
async def test_a_picture_is_shown_whose_path_a_terminal_typed_as_it_was_dropped(
    folder: Path, tmp_path: Path, typed: str
) -> None:
    (tmp_path / "my shot\u202f1.png").write_bytes(PNG)
    line = typed.format(folder=tmp_path)
    model, blind = Scripted(["Red."]), Scripted(["No."], abilities=Abilities(sees=False))

    await said(folder, line, model=model)
    session = await said(folder, line, model=blind)

    assert parse_line(line) == line
    assert [message.images for message in model.requests[0].messages][-1] == (PICTURE,)
    assert not blind.requests[0].messages[-1].images
    assert "sees no pictures" in session.find_dropped(line)[1][0]


async def test_words_and_paths_of_other_files_attach_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    model = Scripted(["Yes."])

    await said(folder, f"is {tmp_path}/notes.txt like {tmp_path}/none.png or a/b.png?", model=model)

    assert not model.requests[0].messages[-1].images
    with pytest.raises(UsageError, match="no command /ad;"):
        parse_line(f"/ad {tmp_path}/none.png")


@pytest.mark.slow
def test_a_dropped_picture_is_added_to_the_next_message(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "my shot.png").write_bytes(PNG)
    lines = f"/add {tmp_path}/my\\ shot.png\nwhat is it?\nand now?\n".encode()
    with faulty_endpoint(says("Red."), says("Still.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = Console(tmp_path).run("chat", ".", *model, cwd=folder, stdin=lines)

    assert "my shot.png" in done.err
    assert done.out == "Red.\nStill.\n", done.err
    assert [json.dumps(request.body).count(ENCODED) for request in endpoint.requests] == [1, 1]


@pytest.mark.parametrize("text", ["", " \n", "half of a pair \ud800"])
async def test_a_message_without_text_that_can_be_stored_is_refused_and_the_chat_goes_on(
    folder: Path, text: str
) -> None:
    task, settings = Task(prompt="-", workspace=folder), Settings(strategy="act")
    model = Scripted(["Blue.", "Yes."])
    opening = open_session(log := MemoryLog(), task, settings=settings, model=model, watch=Person())
    async with opening as session:
        with pytest.raises(UsageError, match=r"empty|half of a surrogate pair"):
            await session.say(text)
        assert await log.read(session.run) == []
        await session.say("", attached=(PICTURE,))
        with pytest.raises(UsageError, match=r"empty|half of a surrogate pair"):
            await session.say(text)
        await session.say("sure?")

    assert session.state is not None
    assert [step.task.prompt for step in session.state.steps] == ["See the attachment."]
    assert fold_all(await log.read(session.run)).task.prompt == "sure?"


async def test_a_model_that_is_known_to_see_none_is_not_asked(folder: Path) -> None:
    (folder / "shot.png").write_bytes(PNG)
    model = Scripted(["Blue."], abilities=Abilities(sees=False))

    with pytest.raises(UsageError, match=r"sees no pictures\. Name shot\.png without the @"):
        await said(folder, "what is in @shot.png?", model=model)

    assert model.requests == []


async def test_a_pdf_is_shown_with_its_message(folder: Path) -> None:
    (folder / "spec.pdf").write_bytes(PDF)
    model = Scripted(["It's a manual."])

    await said(folder, "what is in @spec.pdf?", model=model)

    (document,) = model.requests[0].messages[-1].images
    assert (document.is_pdf, document.name) == (True, "spec.pdf")


async def test_a_model_that_is_known_to_read_no_pdf_is_not_asked(folder: Path) -> None:
    (folder / "spec.pdf").write_bytes(PDF)
    model = Scripted(["A manual."], abilities=Abilities(sees=True, reads_pdf=False))

    with pytest.raises(UsageError, match=r"reads no PDFs\. Name spec\.pdf without the @"):
        await said(folder, "what is in @spec.pdf?", model=model)

    assert model.requests == []


async def test_what_is_no_picture_is_said(folder: Path) -> None:
    (folder / "shot.png").write_text("x")

    with pytest.raises(UsageError, match="is no picture that models see"):
        await said(folder, "what is in @shot.png?", model=Scripted(["Blue."]))


@pytest.mark.slow
def test_a_picture_that_an_endpoint_refuses_is_in_no_later_request(folder: Path, tmp_path: Path) -> None:
    (folder / "shot.png").write_bytes(PNG)
    lines = b"what is in @shot.png?\nand without?\n"
    refusals = [error(400, "no pictures here")] * 2  # with tools, and without
    with faulty_endpoint(*refusals, says("I can't see.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = Console(tmp_path).run("chat", ".", *model, cwd=folder, stdin=lines)

    assert done.out == "I can't see.\n", done.err
    sent = [ENCODED in json.dumps(request.body) for request in endpoint.requests]
    assert sent == [True, True, False]
