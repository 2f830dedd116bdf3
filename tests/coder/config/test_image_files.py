"""Pictures of a task: read by their content, seen by the model, and refused where it is known to see none."""

import base64
import json
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.config.image_files import MAX_BYTES, MAX_PDF_BYTES, picture_of, read_pictures
from coder.config.task_file import read_task
from coder.models.catalog import FILE, UserModels
from coder.models.roles import Asked, check_vision, resolve_roles
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.7\n%" + b"\xe2" * 20
CODE = "```python\ndef add(a, b):\n    return a + b\n```\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 and more", "image/jpeg"),
        (b"GIF89a and more", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (PDF, "application/pdf"),
    ],
)
def test_a_picture_is_known_by_its_content_whatever_its_name(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "shot.txt"
    path.write_bytes(content)

    (picture,) = read_pictures((path,))

    assert picture.media_type == kind
    assert base64.b64decode(picture.base64) == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg/>", "is no picture that models see. They see PNG"),
        (b"", "is no picture"),
        (PNG + bytes(MAX_BYTES), "is larger than 5 MiB"),
        (PDF + bytes(MAX_PDF_BYTES), "is larger than 20 MiB"),
        (None, "can't be read: No such file"),
    ],
    ids=["SVG", "empty", "large picture", "large PDF", "missing"],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "shot.png"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError, match=said) as refused:
        read_pictures((path,))

    assert "shot.png" in str(refused.value)


def test_a_task_file_names_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(PNG)
    (tmp_path / "task.yaml").write_text("prompt: look\npictures: [shot.png]\n")

    task = read_task(None, file=tmp_path / "task.yaml", workspace=None, test=None, test_files=(), checks=())

    assert [picture.media_type for picture in task.pictures] == ["image/png"]


@pytest.mark.slow
def test_the_model_sees_the_pictures_of_the_command_line_in_every_call(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(PNG)

    with faulty_endpoint(says("no code at all"), says(CODE)) as server:
        done = Console(tmp_path).run(
            "solve", "Write add(a, b) as in the picture.", "--picture", "shot.png",
            "--check", "assert add(2, 3) == 5", "--base-url", server.url, "-m", "toy", "--no-plan", "-q",
        )  # fmt: skip

    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = [request.body["messages"][1]["content"] for request in server.requests]
    assert (done.code, len(parts)) == (0, 2)
    assert all(part[1] == {"type": "image_url", "image_url": {"url": url}} for part in parts)


def test_a_pdf_may_be_larger_than_a_picture_and_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "spec.pdf").write_bytes(PDF + bytes(MAX_BYTES))

    (document,) = read_pictures((tmp_path / "spec.pdf",))

    assert (document.is_pdf, document.name) == (True, "spec.pdf")


@pytest.mark.slow
def test_a_pdf_goes_to_the_model_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "spec.pdf").write_bytes(PDF)

    with faulty_endpoint(says(CODE)) as server:
        done = Console(tmp_path).run(
            "solve", "Write add(a, b) as in the document.", "--picture", "spec.pdf",
            "--check", "assert add(2, 3) == 5", "--base-url", server.url, "-m", "toy", "--no-plan", "-q",
        )  # fmt: skip

    url = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    (request,) = server.requests
    assert done.code == 0, done.err
    assert request.body["messages"][1]["content"][1] == {
        "type": "file", "file": {"filename": "spec.pdf", "file_data": url},
    }  # fmt: skip


async def test_a_model_that_reads_no_pdf_is_refused_by_name_before_the_call(tmp_path: Path) -> None:
    inputs = {"sees": ["text", "image"], "reads": ["text", "pdf"]}
    models = {name: {"modalities": {"input": kinds}} for name, kinds in inputs.items()}
    (tmp_path / FILE).write_text(json.dumps({"providers": {"groq": {"models": models}}}))
    book = UserModels(cache=tmp_path)
    document = picture_of(PDF, "spec.pdf")
    assert document is not None

    async def chosen(name: str) -> None:
        options = Asked.model_validate({"model": name})
        check_vision(await resolve_roles(options, environ={"GROQ_API_KEY": "x"}, book=book), [document])

    with pytest.raises(UsageError, match="groq/sees can't read PDFs"):
        await chosen("groq/sees")
    for name in ("groq/reads", "groq/unlisted"):
        await chosen(name)


async def test_a_model_that_sees_none_is_refused_before_the_call_where_the_catalogue_knows(
    tmp_path: Path,
) -> None:
    (tmp_path / "shot.png").write_bytes(PNG)
    models = {"blind": {}, "sees": {"modalities": {"input": ["text", "image"]}}}
    (tmp_path / FILE).write_text(json.dumps({"providers": {"groq": {"models": models}}}))
    book, environ = UserModels(cache=tmp_path), {"GROQ_API_KEY": "x"}

    async def chosen(**named: object) -> None:
        options = Asked.model_validate({"model": "groq/sees", **named})
        pictures = read_pictures((tmp_path / "shot.png",))
        check_vision(await resolve_roles(options, environ=environ, book=book), pictures)

    for named in (
        {"model": "groq/blind"},
        {"fallback": ("groq/blind",)},
        {"roles": {"coder": "groq/blind"}},
    ):
        with pytest.raises(UsageError, match="groq/blind can't see pictures"):
            await chosen(**named)
    for named in ({}, {"model": "groq/unlisted"}):
        await chosen(**named)


def test_the_embedded_model_is_known_to_see_none(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(PNG)

    done = Console(tmp_path).run("solve", "Look.", "--picture", "shot.png", "-m", "local", "--json")

    assert done.code == 2
    assert "local/SmolLM2-135M-Instruct can't see pictures" in done.err + json.dumps(done.out)
