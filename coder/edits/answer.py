"""Answer to files: one pure function from an answer and the files as they are to the files that change.

The answer is read by what it holds: search/replace blocks, unified diffs, the `apply_patch` envelope, whole
files in fenced blocks, or several of these. All of its edits are made, or none is and the report says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coder.context.quoting import shown_path
from coder.edits import paths
from coder.edits.code_blocks import MAX_ANSWER, Parsed, find_blocks, named_in_comment, parse_answer
from coder.edits.edit import Edit, Slip
from coder.edits.lines import like
from coder.edits.read_answer import Edits, read_edits
from coder.edits.syntax import broken
from coder.edits.whole import Whole, stands_for_others

_MOST_NAMED = 3
"""Files that are left as they are, by name."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer makes of the files, and what to ask for again where that isn't all of it."""

    files: dict[str, str | None] = field(default_factory=dict)
    """Whole new texts by path, of what changes; None deletes."""
    problem: str | None = None
    fits: bool = True
    """False: something in its edits doesn't fit or can't be read; what `files` holds all the same, fits."""
    empty: bool = False
    """Nothing in it is an edit, or a file."""
    gist: str = ""
    """The problem in a sentence, where it says more than one."""
    missed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of files that edits don't fit: lines, from 1, near which these may belong."""
    left_out: tuple[str, ...] = ()
    """Files that it changes and no answer may write."""
    apart: dict[str, str | None] = field(default_factory=dict)
    """What it would make of these, as far as that fits."""


def read_answer(
    text: str,
    files: Mapping[str, str | None],
    *,
    default: str,
    expected: Sequence[str] = (),
    ignored: Callable[[str], bool] = lambda path: False,
    by_parts: bool = False,
) -> Answered:
    """The files that an answer changes.

    Args:
        text: the answer.
        files: all that are there; None is one that is no text.
        default: the file that code or an edit without a name belongs to.
        expected: names that the default file must define, so far as they are known.
        ignored: paths that no answer may write; edits of them are left out, whether they fit or not.
        by_parts: edits that fit are made though others don't, where all of the answer can be read.
    """
    read = text[:MAX_ANSWER]
    found = read_edits(read, default=default, known=files)
    names = paths.Names(files)
    whole = Whole("\n".join(found.rest), default=default, known=files, is_cut=len(text) > MAX_ANSWER)
    if not found.is_any:
        parsed = parse_answer(read, default=default, expected=expected, known=files)
        return _whole(parsed, files, names, ignored, whole)
    edits = [*found.edits, *_whole_beside(found, default, files)]
    kept: list[Edit] = []
    left: list[Edit] = []
    for edit in edits:
        is_left = any(_is_left_out(name, names, ignored) for name in edit.names)
        (left if is_left else kept).append(edit)
    apart = _apart(left, files, names, whole)
    left_out = _changed_names(left, files, names)
    if edits and not kept and not found.slips:
        told = _only_left_out(name for edit in edits for name in edit.names)
        return Answered(problem=told, left_out=left_out, apart=apart)
    from coder.edits.apply import apply

    slips = [*found.slips, *(slip for edit in kept if (slip := _leaves_out(edit, files, names)))]
    written = (edit for edit in kept if edit.action == "write" and not edit.new)
    for path, code in ((names.find(paths.plain(edit.path)) or edit.path, edit.text) for edit in written):
        if not slips and (why := whole.refusal(path, code, files.get(path))) is not None:
            return Answered(problem=why, fits=False, missed={path: ()})
    done = apply(kept, files, slips=slips, by_parts=by_parts)
    if done.problem is not None:
        return Answered(done.files, done.problem, fits=False, gist=done.gist, missed=done.missed)
    return Answered(done.files, broken(done.files, files), left_out=left_out, apart=apart)


def _apart(
    edits: Sequence[Edit], files: Mapping[str, str | None], names: paths.Names, whole: Whole
) -> dict[str, str | None]:
    """What edits of files that no answer may write would make of them: of each file all edits, or none."""
    if not edits:
        return {}
    from coder.edits.apply import apply

    made: dict[str, str | None] = {}
    of_one: dict[str, list[Edit]] = {}
    for edit in edits:
        of_one.setdefault(edit.path, []).append(edit)
    for own in of_one.values():
        if not any(_leaves_out(edit, files, names) for edit in own):
            made |= apply(own, files).files
    return {path: text for path, text in made.items() if text is None or _is_whole(path, text, files, whole)}


def _is_whole(path: str, text: str, files: Mapping[str, str | None], whole: Whole) -> bool:
    return whole.refusal(path, text, files.get(path)) is None


def _changed_names(
    edits: Sequence[Edit], files: Mapping[str, str | None], names: paths.Names
) -> tuple[str, ...]:
    """The files that edits touch, without those that an answer only repeats as they are."""
    touched = [
        edit for edit in edits if edit.action != "write" or not _is_same(edit.path, edit.text, files, names)
    ]
    plain = [paths.plain(name) for edit in touched for name in edit.names]
    return tuple(dict.fromkeys(names.find(path) or path for path in plain))


def _is_same(path: str, text: str, files: Mapping[str, str | None], names: paths.Names) -> bool:
    before = files.get(names.find(paths.plain(path)) or "")
    return before is not None and like(text, before) == before


def _leaves_out(edit: Edit, files: Mapping[str, str | None], names: paths.Names) -> Slip | None:
    """What is said of an edit whose new lines stand for code that isn't in them."""
    new = [
        line for hunk in edit.hunks for sign, line in hunk.lines if sign == "+" and stands_for_others(line)
    ]
    had = files.get(names.find(paths.plain(edit.path)) or "") or ""
    line = next((line.strip() for line in new if line.strip() not in had), None)
    text = _LEFT_OUT.format(path=edit.path, line=line)
    return Slip(text, names.find(paths.plain(edit.path))) if line is not None else None


_LEFT_OUT = (
    "`{path}`: the new line `{line}` stands for code that it doesn't hold. Write that code, or leave it out "
    "of the old lines too."
)


def _whole(
    parsed: Parsed,
    files: Mapping[str, str | None],
    names: paths.Names,
    ignored: Callable[[str], bool],
    whole: Whole,
) -> Answered:
    """Whole files, in the form that the ones they replace have."""
    changed: dict[str, str | None] = {}
    left: list[Edit] = []
    for name, code in parsed.files.items():
        path = paths.plain(name)
        if _is_left_out(path, names, ignored):
            had = files.get(names.find(path) or path)
            left.append(Edit(path, "write", text=code if had is None else _without_name(code, name, had)))
            continue
        why = paths.refusal(path) or names.clash(path)
        if why is not None:
            return Answered(problem=f"Nothing was written. {why}", fits=False)
        path = names.find(path) or path
        before = files.get(path)
        if (why := whole.refusal(path, code, before)) is not None:
            return Answered(problem=why, fits=False, missed={path: ()})
        changed[path] = code if before is None else like(_without_name(code, name, before), before)
    left_out, apart = _changed_names(left, files, names), _apart(left, files, names, whole)
    if parsed.files and not changed:
        return Answered(problem=_only_left_out(parsed.files), left_out=left_out, apart=apart)
    others = {path: code for path, code in changed.items() if not path.endswith(".py")}
    problem = parsed.problem or broken(others, files)  # Python is run next, and says it itself
    return Answered(changed, problem, empty=not parsed.files, left_out=left_out, apart=apart)


def _without_name(code: str, name: str, before: str) -> str:
    """A file without the comment that names it in the answer, unless it began with that before."""
    first, _, rest = code.partition("\n")
    begins_so = before.partition("\n")[0].strip() == first.strip()
    return rest if named_in_comment(first) == name and not begins_so else code


def _whole_beside(found: Edits, default: str, files: Mapping[str, str | None]) -> list[Edit]:
    """The whole files of an answer that has edits too: named ones, or all where its edits only delete."""
    rest = "\n".join(found.rest)
    if all(edit.action == "delete" for edit in found.edits):
        whole = parse_answer(rest, default=default, known=files).files
    else:
        blocks = find_blocks(rest, known=files)
        whole = {block.name: block.text for block in blocks if block.name and block.text.strip()}
    return [Edit(path, "write", text=text) for path, text in whole.items()]


def _only_left_out(names: Iterable[str]) -> str:
    """What is said of an answer that changes only what it may not: tests are what most models try then."""
    listed = ", ".join(shown_path(name) for name in list(dict.fromkeys(names))[:_MOST_NAMED])
    return (
        f"Nothing was changed: no answer may change {listed}, by which the task is decided. "
        "Answer with changes of the code that is tested."
    )


def _is_left_out(name: str, names: paths.Names, ignored: Callable[[str], bool]) -> bool:
    """Whether a path is one that no answer may write; one that leads anywhere else is refused instead.

    Written in another case it is the same file: edits find it by that name too.
    """
    path = paths.plain(name)
    return paths.refusal(path) is None and (ignored(path) or ignored(names.find(path) or path))
