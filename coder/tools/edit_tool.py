"""edit: change files of the session by a replacement, a new file or a patch."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from pydantic import Field

from coder.base.text.sanitize import count_of, suggest_nearest
from coder.context.quoting import shown_path
from coder.edits import paths
from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.envelope import begins_patch
from coder.edits.hunks import begins_diff
from coder.edits.lines import split_lines, usual_end
from coder.edits.read_answer import read_edits
from coder.edits.syntax import new_fault, numbered
from coder.models.model import JsonObject, ToolSpec
from coder.tools.session_files import SessionFiles, entries, read_files
from coder.tools.tool import Arguments, Desk, ToolResult, prepare_text, read_arguments, spec_of
from sandbox import FileRefused, Session

_END = re.compile(r"\n\+?\*{3} End Patch\Z")
_PATCH_SUFFIXES = (".patch", ".diff")


class _EditArguments(Arguments):
    path: str = Field("", description="The file, relative to the workspace.")
    old: str = Field("", description="Text that is there once, word for word. Empty: new file or patch.")
    new: str | None = Field(None, description="What replaces it, or all of the new file.")
    all: bool = Field(False, description="Replace each occurrence.")


SPEC = spec_of(
    "edit",
    "Change a file by replacing `old` with `new`, or make a new one. Instead, `new` may hold a patch of "
    "several files (`*** Begin Patch` … `*** End Patch`, or a unified diff).",
    _EditArguments,
)


@dataclass(frozen=True, slots=True)
class EditTool:
    """The tool `edit`."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Make all edits or none, and report the lines that they add and remove.

        The result shows edits that were fitted, which means made at another line or with other blanks.

        Raises:
            ValueError: an edit doesn't fit, or a file can't be written; the message is for the model.
        """
        plan = await planned_edit(arguments, desk.session)
        contents = plan.files.contents(plan.after)
        try:
            await _write(plan.before, contents, desk.session)
        except FileRefused as error:
            raise ValueError(str(error)) from error
        return ToolResult(prepare_text(_report(plan.before, plan.after, plan.fitted_paths), desk))


Texts = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """What a call would change."""

    files: SessionFiles
    before: Texts
    after: Texts
    fitted_paths: frozenset[str] = frozenset()


async def planned_edit(arguments: JsonObject, session: Session) -> PlannedEdit:
    """Return what a call would change.

    Raises ValueError: an edit doesn't fit; the message is for the model.
    """
    try:
        if (patch := patch_of(arguments)) is not None:
            return await _apply_patch(patch, session)
        return await _apply_edit(read_arguments(arguments, _EditArguments, name=SPEC.name), session)
    except FileRefused as error:
        raise ValueError(str(error)) from error


async def _apply_edit(request: _EditArguments, session: Session) -> PlannedEdit:
    path = await _end_of(_relative(request.path, session), session)
    if request.new is None:
        raise ValueError("`new` is missing. To delete text, give an empty one.")
    if (reason := paths.refusal(path)) is not None:
        raise ValueError(reason)
    files = await read_files([path], session)
    before = files.texts
    if not request.old:
        if path in before:
            raise ValueError(f"{shown_path(path)} is there already: give `old`, or delete it first.")
        return PlannedEdit(files, before, {path: request.new})
    if path not in before:
        folder, _, name = path.rpartition("/")
        hint = suggest_nearest(name, [name for name, _ in await entries(folder, session)]) or "."
        raise ValueError(f"There is no file {shown_path(path)}{hint}")
    text = before[path]
    if text is None:
        raise ValueError(f"{shown_path(path)} is no text: change it by a command.")
    after = replaced(path, text, request.old, request.new, every=request.all)
    if after == text:
        raise ValueError("Nothing was changed: `old` and `new` are the same.")
    is_verbatim = request.old in text or request.old in text.replace("\r\n", "\n")
    return PlannedEdit(files, before, {path: after}, frozenset() if is_verbatim else frozenset([path]))


def patch_of(arguments: JsonObject) -> str | None:
    """Return the patch among the arguments, unless the call replaces text or writes a patch file."""
    old, path = arguments.get("old"), arguments.get("path")
    is_file = isinstance(path, str) and path.endswith(_PATCH_SUFFIXES)
    texts = [old] if isinstance(old, str) and old.strip() else [] if is_file else list(arguments.values())
    return next((text for text in texts if isinstance(text, str) and _is_patch(text)), None)


def _is_patch(text: str) -> bool:
    lines = text.lstrip().split("\n")
    return begins_patch(lines[0]) or begins_diff(lines, 0)


async def _apply_patch(patch: str, session: Session) -> PlannedEdit:
    from coder.edits.apply import apply  # imported only for a patch

    patch = patch.lstrip()
    if begins_patch(patch.partition("\n")[0]):  # the end may be missing, or be marked as an added line
        patch = f"{_END.sub('', patch.rstrip())}\n*** End Patch\n"
    result = read_edits(patch)
    edits = []
    for edit in result.edits:
        path = _relative(edit.path, session)
        path = path if edit.action == "delete" or edit.to else await _end_of(path, session)
        edits.append(replace(edit, path=path, to=edit.to and _relative(edit.to, session)))
    files = await read_files((name for edit in edits for name in edit.names), session)
    before = files.texts
    slips = result.slips or ([] if edits else [Slip("The patch holds no edit.")])
    applied = apply(edits, before, slips=slips)
    if applied.problem is not None:
        raise ValueError(applied.problem)
    fitted_paths = frozenset(path for edit in edits if (path := _fitted(edit, before, applied.files)))
    return PlannedEdit(files, before, applied.files, fitted_paths)


def _fitted(edit: Edit, before: Texts, after: Texts) -> str:
    """Return the path of an edit that was fitted; empty if its lines match exactly."""
    path = edit.to or edit.path
    text, new_text = before.get(edit.path) or "", after.get(path) or ""
    return "" if all(_is_as_given(hunk, text, new_text) for hunk in edit.hunks) else path


def _relative(path: str, session: Session) -> str:
    return paths.plain(path.removeprefix(f"{session.root}/"))


async def _end_of(path: str, session: Session) -> str:
    """Return the path of the file that a link leads to; other paths as they are.

    Raises ValueError: the link leads out of the workspace.
    """
    try:
        if paths.refusal(path) is not None or (await session.stat(path)).kind != "link":
            return path
    except FileRefused:  # the file is missing, or will be refused
        return path
    found = await session.sh('readlink -f "./$FILE"', environment={"FILE": path})
    end = found.output.removesuffix("\n")
    if not end.startswith(f"{session.root}/"):
        raise ValueError(f"{shown_path(path)} is a link that leads out of the workspace, or nowhere.")
    return _relative(end, session)


async def _write(before: Texts, contents: Mapping[str, bytes | None], session: Session) -> None:
    for written_count, (path, content) in enumerate(contents.items()):
        if content is None:
            await session.remove(path)
            continue
        is_program = path in before and (await session.sh('test -x "./$FILE"', environment={"FILE": path})).ok
        try:
            await session.write(path, content, executable=is_program)
        except FileRefused as error:
            names = ", ".join(map(shown_path, list(contents)[:written_count])) or "nothing"
            raise ValueError(f"{error} Of the edits before it {names} was written.") from error


def _report(before: Texts, after: Texts, fitted: Collection[str]) -> str:
    """Return a report on the changes of each file, with the lines of fitted edits."""
    rows, added, removed = [], 0, 0
    for path in after:
        old, text = before.get(path), after[path]
        plus, minus = _line_counts(old or "", text or "")
        added, removed = added + plus, removed + minus
        rows.append(_row(path, old, text, f"+{plus} −{minus}", is_shown=path in fitted))
    heading = [f"{count_of(len(after), 'file')}, +{added} −{removed}:"] if len(after) > 1 else []
    return "\n".join([*heading, *rows])


def _row(path: str, before: str | None, after: str | None, counts: str, *, is_shown: bool) -> str:
    name = shown_path(path)
    if after is None:
        return f"{name} is deleted."
    if before is None:
        return f"{name} is created ({count_of(len(after.splitlines()), 'line')})."
    fault = new_fault(path, after, before)
    warning = f"\nIt is no longer valid: line {fault[0]}: {fault[1]}." if fault is not None else ""
    if not is_shown:
        return f"{name} is changed ({counts}).{warning}"
    return (
        f"{name} is changed ({counts}), where the edit was fitted:\n{shown_changes(before, after)}{warning}"
    )


def _is_as_given(hunk: Hunk, before: str, after: str) -> bool:
    """Whether a hunk's old lines were there verbatim, at its line, and its new lines are there now."""
    old, new = "".join(_line_ends(hunk.old)), "".join(_line_ends(hunk.new))
    normalized = before.replace("\r\n", "\n")
    if old not in f"{normalized}\n" or new not in f"{after}\n".replace("\r\n", "\n"):
        return False
    lines = split_lines(normalized)
    at = hunk.line
    return at is None or not hunk.old or "".join(_line_ends(lines[at - 1 : at - 1 + len(hunk.old)])) == old


def _line_ends(lines: Iterable[str]) -> list[str]:
    return [f"{line.rstrip(chr(10))}\n" for line in lines]


def _line_counts(before: str, after: str) -> tuple[int, int]:
    """Return how many lines were added and removed."""
    codes = SequenceMatcher(None, split_lines(before), split_lines(after), autojunk=False).get_opcodes()
    changed_blocks = [code for code in codes if code[0] != "equal"]
    return sum(j - i for *_, i, j in changed_blocks), sum(j - i for _, i, j, *_ in changed_blocks)


_MAX_PLACES = 20
"""Maximum line numbers to name if a text occurs several times."""
_MARGIN = 2
_MAX_SHOWN = 6
"""Maximum places of a changed file to show."""


def replaced(path: str, text: str, old: str, new: str, *, every: bool = False) -> str:
    """Replace `old` by `new`, or lines that differ from `old` only in blanks or indentation.

    Raises:
        ValueError: `old` is missing or ambiguous; the message is for the model.
    """
    if usual_end(split_lines(text)) == "\r\n" and "\r" not in old + new:
        texts = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    else:
        texts = old, new
    places = [text.find(texts[0])]
    while places[-1] >= 0 and len(places) <= _MAX_PLACES:  # a regular expression would take quadratic time
        places.append(text.find(texts[0], places[-1] + 1))
    numbers = [text.count("\n", 0, place) + 1 for place in places[:-1]]
    if len(numbers) == 1 or (numbers and every):
        return text.replace(*texts)
    from coder.edits.change import EditedFile  # imported only if there is no exact match
    from coder.edits.locate import Index, locate
    from coder.edits.misses import NOT_THERE, nearest

    file = EditedFile(text)
    hunk = Hunk((*(("-", line) for line in _whole_lines(old)), *(("+", line) for line in _whole_lines(new))))
    match = locate(Index(file.lines), hunk)
    numbers = numbers or [place.start + 1 for place in match.places]
    if len(numbers) > 1:
        raise ValueError(_AMBIGUOUS.format(path=path, lines=", ".join(map(str, numbers[:_MAX_PLACES]))))
    if match.place is None:
        raise ValueError(f"`{path}`: {NOT_THERE}\n{nearest(file.lines, hunk.old)}".rstrip())
    file.put(match.hunk, match.place)
    return file.text()


_AMBIGUOUS = (
    "`{path}`: `old` is there several times, at lines {lines}. Give more of the lines around it, or set "
    "`all` where it is there word for word."
)


def shown_changes(before: str, after: str) -> str:
    """Return the changed places of a file after an edit, with line numbers and some lines around."""
    lines = split_lines(after)
    groups = SequenceMatcher(None, split_lines(before), lines).get_grouped_opcodes(_MARGIN)
    places = [(group[0][3], group[-1][4]) for group in groups]
    note = [f"… and {len(places) - _MAX_SHOWN} more places."] if len(places) > _MAX_SHOWN else []
    return "\n".join([*(numbered(lines, *place) for place in places[:_MAX_SHOWN]), *note])


def _whole_lines(text: str) -> list[str]:
    return [line if line.endswith("\n") else f"{line}\n" for line in split_lines(text)]
