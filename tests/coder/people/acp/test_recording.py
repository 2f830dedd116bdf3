"""The recording of a day in an editor is what a client receives today."""

from pathlib import Path

import pytest

from tests.coder.people.acp.recording_make import FILE, record


@pytest.mark.slow
async def test_the_page_of_a_day_in_an_editor_is_what_its_client_receives(tmp_path: Path) -> None:
    assert await record(tmp_path) == FILE.read_text()
