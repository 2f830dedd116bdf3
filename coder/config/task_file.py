"""Read a task: from an argument, from stdin (`-`), or from a file of Markdown, YAML or JSON.

A YAML or JSON file has the key `prompt`, and perhaps `test` (a command), `test_files` and `pictures` (paths
relative to the file), `checks`, `answer_schema` (a path), and `options`, which lower limits.
"""

import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import suggest_nearest
from coder.base.text.usable import require_encodable
from coder.config.layers import TaskOptions
from coder.models.answer_parts import Image
from coder.run.prompt import MAX_PROMPT, require_prompt
from coder.run.task import Task, TestSource
from coder.source.shell import command_words
from sandbox.program import Command
from sandbox.result import Value

MAX_TEST_BYTES = 4 << 20


class TaskFile(Value):
    """Fields of a task file."""

    prompt: str
    test: str | tuple[str, ...] | None = None
    test_files: tuple[Path, ...] = ()
    checks: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    answer_schema: Path | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """Options that lower limits (see `coder.config.layers.lowered`)."""


def options_of(file: Path | None) -> TaskOptions | None:
    """Return the options of a task file. Raises UsageError as `read_task` does."""
    return TaskOptions(f"{file}: options:", _from_file(file).options) if file is not None else None


def holds_tests(file: Path | None) -> bool:
    """Return whether a task file gives test files or checks. Raises UsageError as `read_task` does."""
    task = _from_file(file) if file is not None else None
    return task is not None and bool(task.test_files or task.checks)


def read_task(
    words: str | None,
    *,
    file: Path | None,
    workspace: Path | None,
    test: str | tuple[str, ...] | None,
    test_files: tuple[Path, ...],
    checks: tuple[str, ...],
    pictures: tuple[Path, ...] = (),
    answer_schema: Path | None = None,
    read: tuple[str, ...] = (),
    is_users: bool = False,
) -> Task:
    """Read and check the task before any call.

    Args:
        words: the prompt, or a call of a command or skill; `-` to read it from standard input.
        is_users: whether the user wrote the task; other texts may not change what tests expect.

    Raises:
        UsageError: the task is empty, too long or not UTF-8, a file is missing, or a check isn't Python.
    """
    if words is None and file is None and pictures:
        words = ""
    if (words is None) == (file is None):
        raise UsageError('Give one task: as an argument, as "-" for standard input, or with --file.')
    task = _from_file(file) if file is not None else TaskFile(prompt=_from_words(words or ""))
    if task.prompt.startswith("/"):
        from coder.config.slash_calls import message_of  # imported late: few tasks are calls

        if (message := message_of(task.prompt, workspace)) is not None:
            task = task.model_copy(update={"prompt": message.text})
            is_users = is_users and message.is_own
    command = test if test is not None else task.test
    sources = [_test_source(path, workspace) for path in (*task.test_files, *test_files)]
    statements = (*task.checks, *checks)
    for statement in statements:
        require_encodable(statement, "The check")
        _check_syntax(statement, f"the check {statement!r}")
        if not statement.strip():
            raise UsageError("A check is empty. Give a statement such as: assert add(2, 3) == 5")
    schema_path = answer_schema or task.answer_schema
    images = _images((*task.pictures, *pictures))
    return Task(
        prompt=require_prompt(task.prompt, images),
        workspace=workspace,
        test_command=split_command(command),
        test_files=_check_distinct(sources),
        checks=statements,
        pictures=images,
        read=read,
        answer_schema=_schema(schema_path) if schema_path is not None else None,
        is_users=is_users,
    )


def mending_task(
    command: str | tuple[str, ...] | None,
    folder: Path,
    *,
    hint: str | None = None,
    read: tuple[str, ...] = (),
) -> Task:
    """Return the task to make a failing command pass; None: the tests of the folder.

    Raises UsageError if the command can't be used.
    """
    words = split_command(command)
    what = "the tests of this project" if words is None else f"`{shlex.join(words)}`"
    verb = "They fail" if words is None else "It fails"
    prompt = f"Make {what} pass.\n\n{verb}. Find the fault in the code, and mend it."
    if hint:
        prompt += f"\n\n{hint}"
    return Task(prompt=require_prompt(prompt), workspace=folder, mends=True, test_command=words, read=read)


def _schema(path: Path) -> dict[str, Any]:
    """Read a JSON Schema. Raises UsageError if it can't be used."""
    from coder.config.strict_yaml import read_json
    from coder.run.answer import MAX_SCHEMA, require_schema

    text = _text(read_named(path, limit=MAX_SCHEMA * 4), str(path))
    try:
        schema = read_json(text)
        if not isinstance(schema, dict):
            raise ValueError('it has to be an object, such as {"type": "object", …}')
        require_schema(schema)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The schema {path} can't be used: {' '.join(str(error).split())}.") from error
    return schema


def _images(paths: tuple[Path, ...]) -> tuple[Image, ...]:
    if not paths:
        return ()
    from coder.config.image_files import read_pictures

    return read_pictures(paths)


def _from_words(words: str) -> str:
    if words != "-":
        return words
    content = sys.stdin.buffer.read(MAX_PROMPT * 4 + 1)
    if len(content) > MAX_PROMPT * 4:
        raise UsageError(_TOO_LONG)
    return _text(content, "standard input")


def _from_file(path: Path) -> TaskFile:
    text = _text(read_named(path, limit=MAX_PROMPT * 4), str(path))
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        return TaskFile(prompt=text)
    if len(text) > MAX_PROMPT:
        raise UsageError(_TOO_LONG)
    try:
        task = TaskFile.model_validate(_data(text, path.suffix.lower()))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The task file {path} can't be used: {_describe(error)}") from error
    absolute_paths: dict[str, Any] = {
        key: tuple(path.parent / name for name in getattr(task, key)) for key in ("test_files", "pictures")
    }
    if task.answer_schema is not None:
        absolute_paths["answer_schema"] = path.parent / task.answer_schema
    return task.model_copy(update=absolute_paths)


def _data(text: str, suffix: str) -> object:
    from coder.config.strict_yaml import read_json, read_yaml  # imported only for such a file

    return read_json(text) if suffix == ".json" else read_yaml(text)


def _describe(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        location = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            return f"it has no key {location!r}{suggest_nearest(location, TaskFile.model_fields)}"
        return f"{location}: {problem['msg']}" if location else "it has to hold keys, of which prompt is one"
    return " ".join(str(error).split())


def _text(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The task from {source} isn't UTF-8: byte {error.start} is wrong.") from error


_TOO_LONG = f"The task is too long: at most {MAX_PROMPT:,} characters are read. Name files by PATH."


def split_command(text: str | tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Split a test command into words. Raises UsageError if it is empty or can't be run."""
    if text is None:
        return None
    try:
        words = tuple(command_words(text)) if isinstance(text, str) else text
    except ValueError as error:
        raise UsageError(f"The test command {text!r} can't be split into words: {error}.") from error
    if not words or not words[0]:
        raise UsageError("The test command is empty. Give one such as: --test 'pytest -q'")
    try:
        Command(argv=words)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"The test command can't be run: {reason}. Nothing was stored.") from error
    return words


def _test_source(path: Path, workspace: Path | None) -> TestSource:
    content = read_named(path, limit=MAX_TEST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"The test file {path} isn't UTF-8: byte {error.start} is wrong.") from error
    if path.suffix == ".py":
        _check_syntax(text, f"the test file {path}")
    return TestSource(path=_name_within(path, workspace), text=text)


def _name_within(path: Path, workspace: Path | None) -> str:
    folder = workspace.resolve() if workspace is not None else None
    if folder is not None and path.resolve().is_relative_to(folder):
        return path.resolve().relative_to(folder).as_posix()
    return path.name


def _check_distinct(sources: list[TestSource]) -> tuple[TestSource, ...]:
    names = [source.path for source in sources]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise UsageError(f"Two test files are named {duplicate}: rename one.")
    return tuple(sources)


def _check_syntax(source: str, label: str) -> None:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, "<task>", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UsageError(f"In {label}, line {error.lineno}: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"In {label}: {error or 'nested too deeply'}.") from error
