"""edit: files of the session's workspace, by one replacement, a new file, or a whole patch."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from coder.context.quoting import shown_path
from coder.edits import paths
from coder.edits.apply import apply
from coder.edits.edit import Edit, Slip
from coder.edits.envelope import begins_patch
from coder.edits.hunks import begins_diff
from coder.edits.read_answer import read_edits
from coder.edits.syntax import new_fault
from coder.models.model import JsonObject, ToolSpec
from coder.text.sanitize import count_of, or_nearest
from coder.tools.replacement import replaced, shown_changes
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, shown, spec_of
from sandbox import FileRefused, Session

_WORKSPACE = "/w/"
"""Where commands find the workspace."""
_END = re.compile(r"\n\+?\*{3} End Patch\Z")
_OF_PATCHES = (".patch", ".diff")


class _Given(Arguments):
    path: str = Field("", description="The file, relative to the workspace.")
    old: str = Field("", description="Text that is there once, word for word. Empty: new file or patch.")
    new: str | None = Field(None, description="What replaces it, or all of the new file.")
    all: bool = Field(False, description="Replace each occurrence.")


SPEC = spec_of(
    "edit",
    "Change a file by replacing `old` with `new`, or make a new one. Instead, `new` may hold a patch of "
    "several files (`*** Begin Patch` … `*** End Patch`, or a unified diff).",
    _Given,
)


@dataclass(frozen=True, slots=True)
class EditTool:
    """The tool."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, given: JsonObject, desk: Desk) -> ToolResult:
        """Make the edits, all or none, and show the lines that are new.

        Raises:
            ValueError: something doesn't fit, or can't be written; the message is for the model.
            SandboxError: the sandbox itself failed.
        """
        try:
            if (patch := _patch(given)) is not None:
                before, after = await _patched(patch, desk.session)
            else:
                before, after = await _edited(read_arguments(given, _Given, name=SPEC.name), desk.session)
            await _write(before, after, desk.session)
        except FileRefused as error:
            raise ValueError(str(error)) from error
        told = [_told(path, before.get(path), text) for path, text in after.items()]
        return ToolResult(shown("\n".join(told), desk))


async def _edited(asked: _Given, session: Session) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """The file before and after."""
    path = _relative(asked.path)
    if asked.new is None:
        raise ValueError("`new` is missing. To delete text, give an empty one.")
    if (why := paths.refusal(path)) is not None:
        raise ValueError(why)
    before = await _texts([path], session)
    if not asked.old:
        if path in before:
            raise ValueError(f"{shown_path(path)} is there already: give `old`, or delete it first.")
        return before, {path: asked.new}
    if path not in before:
        folder, _, name = path.rpartition("/")
        nearest = or_nearest(name, [name for name, _ in await _entries(folder, session)]) or "."
        raise ValueError(f"There is no file {shown_path(path)}{nearest}")
    text = before[path]
    if text is None:
        raise ValueError(f"{shown_path(path)} is no UTF-8 text: change it by a command.")
    after = replaced(path, text, asked.old, asked.new, every=asked.all)
    if after == text:
        raise ValueError("Nothing was changed: `old` and `new` are the same.")
    return before, {path: after}


def _patch(given: JsonObject) -> str | None:
    """The patch among the arguments; a text that is to replace another, or to be a patch's file, is none."""
    old, path = given.get("old"), given.get("path")
    is_file = isinstance(path, str) and path.endswith(_OF_PATCHES)
    texts = [old] if isinstance(old, str) and old.strip() else [] if is_file else list(given.values())
    return next((text for text in texts if isinstance(text, str) and _is_patch(text)), None)


def _is_patch(text: str) -> bool:
    lines = text.lstrip().split("\n")
    return begins_patch(lines[0]) or begins_diff(lines, 0)


def _closed(patch: str) -> str:
    """The patch with its end: an argument is whole, so what lacks it, or adds it to a file, has slipped."""
    if not begins_patch(patch.partition("\n")[0]):
        return patch
    return f"{_END.sub('', patch.rstrip())}\n*** End Patch\n"


async def _patched(patch: str, session: Session) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """The files of a patch before and after."""
    found = read_edits(_closed(patch.lstrip()))
    edits = [_inside(edit) for edit in found.edits]
    before = await _texts((name for edit in edits for name in edit.names), session)
    applied = apply(edits, before, slips=found.slips or ([] if edits else [Slip("The patch holds no edit.")]))
    if applied.problem is not None:
        raise ValueError(applied.problem)
    return before, applied.files


def _relative(path: str) -> str:
    return paths.plain(path.removeprefix(_WORKSPACE))


def _inside(edit: Edit) -> Edit:
    return replace(edit, path=_relative(edit.path), to=edit.to and _relative(edit.to))


async def _texts(names: Iterable[str], session: Session) -> dict[str, str | None]:
    """The files of these that are there; None is one that is no text.

    Raises:
        ValueError: one is no file; the message is for the model.
        FileRefused: one can't be read.
    """
    found: dict[str, str | None] = {}
    for path in dict.fromkeys(name for name in names if paths.refusal(name) is None):
        folder, _, name = path.rpartition("/")
        kind = dict(await _entries(folder, session)).get(name)
        if kind == "file":
            found[path] = _decoded(await session.read(path))
        elif kind is not None:
            raise ValueError(f"{shown_path(path)} is no file, but a {kind}.")
    return found


async def _entries(folder: str, session: Session) -> Sequence[tuple[str, str]]:
    """Name and kind of what is in a folder; nothing where there is no such folder."""
    try:
        return [(entry.name, entry.kind) for entry in await session.list(folder or ".")]
    except FileRefused:
        return []


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


async def _write(before: Mapping[str, str | None], after: Mapping[str, str | None], session: Session) -> None:
    contents = {path: text.encode() if text is not None else None for path, text in after.items()}
    for done, (path, content) in enumerate(contents.items()):
        if content is None:
            await session.remove(path)
            continue
        mode = await session.sh('test -x "./$FILE"', environment={"FILE": path}) if path in before else None
        try:
            await session.write(path, content, executable=mode is not None and mode.ok)
        except FileRefused as error:
            made = ", ".join(map(shown_path, list(contents)[:done])) or "nothing"
            raise ValueError(f"{error} Of the edits before it {made} was written.") from error


def _told(path: str, before: str | None, after: str | None) -> str:
    name = shown_path(path)
    if after is None:
        return f"{name} is deleted."
    if before is None:
        return f"{name} is created ({count_of(len(after.splitlines()), 'line')})."
    fault = new_fault(path, after, before)
    warning = f"\nIt is no longer valid: line {fault[0]}: {fault[1]}." if fault is not None else ""
    return f"{name} is changed:\n{shown_changes(before, after)}{warning}"
