"""What a client sends is used or refused by an error of the protocol, and the agent lives on."""

import asyncio
import base64
import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, embedded_blob_resource, image_block, resource_block, text_block
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.image_files import MAX_BYTES
from coder.people.acp.prompt_blocks import pictures_of, text_of
from coder.run.prompt import MAX_PROMPT
from tests.coder.config.test_image_files import PDF, PNG
from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, says

SHOT = base64.b64encode(PNG).decode()


async def send(editor: Any, session: str, *blocks: Any) -> int | None:
    """Send a message; return the code of the error that it is answered with."""
    try:
        await editor.agent.prompt(session_id=session, prompt=list(blocks))
    except RequestError as error:
        return error.code
    return None


@pytest.mark.slow
async def test_a_model_sees_the_pictures_of_a_message(console: Console, project: Path) -> None:
    with faulty_endpoint(says("Blue.")) as endpoint:
        async with editing(console, endpoint) as editor:
            capabilities = editor.initialized.agent_capabilities
            session = await editor.open(project)
            code = await send(editor, session, text_block("What is this?"), image_block(SHOT, "image/jpeg"))

    assert capabilities is not None
    assert capabilities.prompt_capabilities is not None
    assert capabilities.prompt_capabilities.image
    assert code is None
    assert f"data:image/png;base64,{SHOT}" in str(endpoint.requests[0].body["messages"])


@pytest.mark.slow
async def test_a_picture_alone_is_a_message_and_a_message_without_anything_changes_nothing(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hi."), says("A square."), says("Still here.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            codes = [
                await send(editor, session, *blocks)
                for blocks in (
                    [text_block("Hello?")],
                    [],
                    [text_block("")],
                    [text_block(" \n")],
                    [text_block("a\ud800b?")],
                    [image_block(SHOT, "image/png")],
                )
            ]
            await editor.agent.close_session(session_id=session)
            await editor.agent.load_session(cwd=str(project), session_id=session)
            last = await send(editor, session, text_block("Still there?"))

    assert codes == [None, -32602, -32602, -32602, -32602, None]
    assert last is None
    assert "See the attachment." in str(endpoint.requests[1].body["messages"])
    assert f"data:image/png;base64,{SHOT}" in str(endpoint.requests[1].body["messages"])


@pytest.mark.slow
async def test_a_model_reads_the_pdf_that_an_editor_attaches(console: Console, project: Path) -> None:
    content = base64.b64encode(PDF).decode()
    blob = embedded_blob_resource("file:///tmp/spec.pdf", content, mime_type="application/pdf")
    with faulty_endpoint(says("A manual.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            code = await send(editor, session, text_block("What is this?"), resource_block(blob))

    assert code is None
    assert "'filename': 'spec.pdf'" in str(endpoint.requests[0].body["messages"])
    assert content in str(endpoint.requests[0].body["messages"])


@pytest.mark.slow
async def test_bad_messages_are_refused_and_the_session_goes_on(console: Console, project: Path) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session, hello = await editor.open(project), text_block("What is this?")
            codes = [
                await send(editor, "run_nowhere", hello),
                await send(editor, session, text_block("x" * (MAX_PROMPT + 1))),
                await send(editor, session, hello, image_block("AAAA", "image/png")),
                await send(editor, session, hello, image_block("no base64", "image/png")),
                await send(editor, session, *[image_block(SHOT, "image/png")] * 21),
            ]
            request_count = len(endpoint.requests)
            later = await send(editor, session, hello)

    assert (codes, request_count, later) == ([-32602] * 5, 0, None)


@pytest.mark.slow
async def test_a_second_message_is_refused_while_the_first_is_worked_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            editor.may_answer.clear()
            session = await editor.open(project)
            first = asyncio.create_task(editor.say(session, "Mend add."))
            await asyncio.wait_for(editor.asked.wait(), 300)
            codes = [await send(editor, session, text_block(text)) for text in ("And?", "/undo", "/apply")]
            editor.may_answer.set()
            reason = await first

    assert (codes, reason) == ([-32602] * 3, "end_turn")
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_an_answer_after_a_cancel_writes_nothing_and_the_session_goes_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says("Hello.")) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            editor.may_answer.clear()
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "Mend add."))
            await asyncio.wait_for(editor.asked.wait(), 300)
            await editor.agent.cancel(session_id=session)
            reason = await asyncio.wait_for(work, 300)
            editor.may_answer.set()
            later = await editor.say(session, "What is this?")

    assert (reason, later) == ("cancelled", "end_turn")
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
async def test_a_client_that_never_answers_can_go_away_in_the_middle_of_a_question(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            editor.may_answer.clear()
            work = asyncio.create_task(editor.say(await editor.open(project), "Mend add."))
            await asyncio.wait_for(editor.asked.wait(), 300)
        with contextlib.suppress(ConnectionError, RequestError, asyncio.CancelledError):
            await asyncio.wait_for(work, 300)

    with pytest.raises(ProcessLookupError):
        os.kill(editor.pid, 0)
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
async def test_no_program_outlives_a_client_that_goes_away_in_the_middle_of_a_command(
    console: Console, project: Path
) -> None:
    command = f"sleep 6{os.getpid()}"
    with faulty_endpoint(calls("bash", command=command)) as endpoint:
        async with editing(console, endpoint) as editor:
            work = asyncio.create_task(editor.say(await editor.open(project), "Mend add."))
            assert await asyncio.to_thread(comes_to_be, command, is_there=True)
        with contextlib.suppress(ConnectionError, RequestError, asyncio.CancelledError):
            await asyncio.wait_for(work, 300)

    assert await asyncio.to_thread(comes_to_be, command, is_there=False)


def comes_to_be(command: str, *, is_there: bool) -> bool:
    """Whether a process comes to run a command, or none does, within a minute."""
    deadline = time.monotonic() + 300
    while is_running(command) is not is_there:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_running(command: str) -> bool:
    """Whether a process of this machine runs a command."""
    command_line = command.replace(" ", "\0").encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(command_line):
                return True
    return False


blocks = st.builds(
    image_block, st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()), st.text()
)


@pytest.mark.slow
@given(st.lists(blocks, max_size=30))
def test_whatever_is_sent_as_a_picture_is_one_or_is_refused(given_blocks: list[Any]) -> None:
    try:
        pictures = pictures_of(given_blocks)
    except UsageError:
        return
    assert [picture.base64 for picture in pictures] == [block.data for block in given_blocks]


def test_a_picture_that_is_too_large_is_refused() -> None:
    data = base64.b64encode(PNG + bytes(MAX_BYTES)).decode()
    with pytest.raises(UsageError, match="may have"):
        pictures_of([image_block(data, "image/png")])


@pytest.mark.slow
@given(st.lists(st.builds(text_block, st.text()), max_size=5))
def test_the_text_of_a_message_is_that_of_its_blocks(texts: list[Any]) -> None:
    assert text_of(texts, Path("/")) == " ".join(block.text for block in texts)
