"""Convert an answer into changed files, given the present files.

The format is detected: search/replace blocks, unified diffs, the `apply_patch` envelope, whole files in
fenced blocks, or several of these. Either all edits are made, none, or those that fit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from coder.context.quoting import shown_path
from coder.edits import paths
from coder.edits.code_blocks import (
    ELIDED_LINE,
    MAX_ANSWER,
    Block,
    Whole,
    file_blocks,
    is_elision,
    whole_files,
)
from coder.edits.edit import Answered, Edit, FileBlocks, Slip
from coder.edits.lines import like
from coder.edits.paths import name_in_comment
from coder.edits.read_answer import Edits, read_edits
from coder.edits.syntax import find_broken
from coder.edits.top_level import dropped_names

_MAX_NAMED = 3
"""Maximum file names in a message about ignored files."""
_MAX_DROPPED = 20
"""Maximum names in a message about a whole file that drops them."""
_DROPS = (
    "Nothing was written: as a whole file, your block for `{path}` removes {names}. If it is an excerpt, "
    "answer with edits, or in words without the path above the block. If these are to go, give the same "
    "answer again."
)
NO_FILE = (
    "Your answer changes no file. Answer with each file whole, its path alone on the line above its block."
)
Files = Mapping[str, str | None]


def read_answer(
    text: str,
    files: Files,
    *,
    default: str,
    expected: Sequence[str] = (),
    ignored: Callable[[str], bool] = lambda path: False,
    in_part: bool = False,
    blocks: FileBlocks = "all",
    originals: Files | None = None,
    doubted: Mapping[str, str] | None = None,
) -> Answered:
    """Return the files that an answer changes, and its problems.

    Args:
        files: all present files; None is a binary file.
        default: the file for code or edits without a file name.
        expected: names that the default file must define.
        ignored: whether an answer may not write a path.
        in_part: make the edits that fit even if others don't, provided that the whole answer is readable.
        blocks: which fenced blocks are whole files; the others are part of the words.
        originals: the user's files before the model's work: a whole file that drops most names of one is
            doubted and not written, and an edit that was made is not made again.
        doubted: whole files of the previous answer that were doubted: written if this answer repeats them.
    """
    answer_text = text[:MAX_ANSWER]
    answer = read_edits(
        answer_text,
        default="" if blocks == "none" else default,
        files=files,
        takes_unnamed_diffs=blocks == "all",
    )
    answer.blocks = [
        block
        for block in file_blocks(answer.blocks, blocks)
        if blocks == "all" or not _is_quoted(block, files, originals or {})
    ]
    whole_blocks = Whole(answer.blocks, default=default, is_cut=len(text) > MAX_ANSWER)
    reader = _Answer(files, whole_blocks, ignored, originals, doubted or {})
    if answer.edits or answer.slips:
        return reader.edited(answer, default, in_part=in_part)
    if blocks != "all" and not answer.blocks:
        return Answered(problem=NO_FILE, empty=True)
    return reader.written(*whole_files(answer_text, answer.blocks, default=default, expected=expected))


def _is_quoted(block: Block, files: Files, originals: Files) -> bool:
    """Return whether a block shows a file of the user as it is, so that it changes nothing."""
    path = paths.plain(block.name or "")
    text = originals.get(path)
    return text is not None and files.get(path) == text and text.replace("\r\n", "\n") == block.text


class _Answer:
    """An answer, with the files that it may change."""

    def __init__(
        self,
        files: Files,
        whole: Whole,
        ignored: Callable[[str], bool],
        originals: Files | None,
        doubted: Mapping[str, str],
    ) -> None:
        self._files = files
        self._originals, self._doubted = originals, doubted
        self._names = paths.TreeNames(files)
        self._whole = whole
        self._ignored = ignored

    def edited(self, answer: Edits, default: str, *, in_part: bool) -> Answered:
        """Apply the answer's edits and add its whole files."""
        from coder.edits.apply import apply

        edits = [*map(self._with_folders, answer.edits), *_whole_files_beside(answer, default)]
        allowed_edits: list[Edit] = []
        ignored_edits: list[Edit] = []
        for edit in edits:
            (ignored_edits if any(map(self._is_left_out, edit.names)) else allowed_edits).append(edit)
        left_out, apart = self._changed_names(ignored_edits), self._apart(ignored_edits)
        if edits and not allowed_edits and not answer.slips:
            problem = _only_left_out(name for edit in edits for name in edit.names)
            return Answered(problem=problem, left_out=left_out, apart=apart)
        slips = [*answer.slips, *(slip for edit in allowed_edits if (slip := self._elides(edit)))]
        for edit in allowed_edits:
            path = self._find(edit.path) or edit.path
            is_whole = edit.action == "write" and not edit.new and not slips
            if is_whole and (reason := self._refusal(path, edit.text)) is not None:
                return Answered(problem=reason, fits=False, missed=(path,))
        wholes = {edit.path: edit.text for edit in allowed_edits if edit.action == "write" and not edit.new}
        if not slips and (doubt := self._doubt(wholes)) is not None:
            return doubt
        result = apply(allowed_edits, self._files, slips=slips, in_part=in_part, originals=self._originals)
        if result.problem is not None:
            return result
        return replace(result, problem=find_broken(result.files, self._files), left_out=left_out, apart=apart)

    def written(self, files: Mapping[str, str], problem: str | None) -> Answered:
        """Write whole files with the line ends of the files that they replace."""
        changed_files: dict[str, str | None] = {}
        ignored_edits: list[Edit] = []
        for name, code in files.items():
            path = paths.plain(name)
            old_text = self._old_text(path)
            text = code if old_text is None else like(_without_name(code, name, old_text), old_text)
            if self._is_left_out(path):
                ignored_edits.append(Edit(path, "write", text=text))
                continue
            if (reason := paths.refusal(path) or self._names.clash(path)) is not None:
                return Answered(problem=f"Nothing was written. {reason}", fits=False)
            path = self._names.find(path) or path
            if (reason := self._refusal(path, code)) is not None:
                return Answered(problem=reason, fits=False, missed=(path,))
            changed_files[path] = text
        written_files = {name: code for name, code in files.items() if not self._is_left_out(name)}
        if (doubt := self._doubt(written_files)) is not None:
            return doubt
        left_out, apart = self._changed_names(ignored_edits), self._apart(ignored_edits)
        if files and not changed_files:
            return Answered(problem=_only_left_out(files), left_out=left_out, apart=apart)
        other_files = {path: code for path, code in changed_files.items() if not path.endswith(".py")}
        problem = problem or find_broken(
            other_files, self._files
        )  # Python code runs next, and reports its errors itself
        return Answered(changed_files, problem, empty=not files, left_out=left_out, apart=apart)

    def _with_folders(self, edit: Edit) -> Edit:
        """Return a change of lines with the path of the only file that has the name in the answer."""
        if edit.action != "change" or edit.to is not None or self._find(edit.path) is not None:
            return edit
        return replace(edit, path=self._names.find_ending(paths.plain(edit.path)) or edit.path)

    def _find(self, name: str) -> str | None:
        return self._names.find(paths.plain(name))

    def _old_text(self, name: str) -> str | None:
        return self._files.get(self._find(name) or "")

    def _refusal(self, path: str, code: str) -> str | None:
        return self._whole.refusal(path, code, self._files.get(path))

    def _doubt(self, files: Mapping[str, str]) -> Answered | None:
        """Return the answer without whole files that drop more than half of the names of a file of the user.

        None if there are none, or if the previous answer had them, too.
        """
        new_texts = {self._find(name) or paths.plain(name): code for name, code in files.items()}
        new_texts = {path: code for path, code in new_texts.items() if path in (self._originals or {})}
        if not new_texts:
            return None
        doubted_files: dict[str, str] = {}
        problems: list[str] = []
        for path, code in new_texts.items():
            if not (dropped := dropped_names(path, self._old_text(path) or "", code)):
                continue
            doubted_files[path] = code
            if self._doubted.get(path) != code:
                shown_names = ", ".join(f"`{name}`" for name in dropped[:_MAX_DROPPED])
                further = f" and {len(dropped) - _MAX_DROPPED} more" if dropped[_MAX_DROPPED:] else ""
                problems.append(_DROPS.format(path=path, names=shown_names + further))
        return Answered(problem="\n".join(problems), fits=False, doubted=doubted_files) if problems else None

    def _is_left_out(self, name: str) -> bool:
        """Whether an answer may not write a path, ignoring case."""
        path = paths.plain(name)
        return paths.refusal(path) is None and (
            self._ignored(path) or self._ignored(self._find(path) or path)
        )

    def _changed_names(self, edits: Sequence[Edit]) -> tuple[str, ...]:
        changing_edits = [edit for edit in edits if edit.action != "write" or not self._is_same(edit)]
        names = [name for edit in changing_edits for name in edit.names]
        return tuple(dict.fromkeys(self._find(name) or paths.plain(name) for name in names))

    def _is_same(self, edit: Edit) -> bool:
        old_text = self._old_text(edit.path)
        return old_text is not None and like(edit.text, old_text) == old_text

    def _apart(self, edits: Sequence[Edit]) -> dict[str, str | None]:
        """Return the result of edits to files that an answer may not write; per file all edits or none."""
        if not edits:
            return {}
        from coder.edits.apply import apply

        results: dict[str, str | None] = {}
        for path in dict.fromkeys(edit.path for edit in edits):
            file_edits = [edit for edit in edits if edit.path == path]
            if not any(map(self._elides, file_edits)):
                results |= apply(file_edits, self._files, originals=self._originals).files
        return {path: text for path, text in results.items() if text is None or not self._refusal(path, text)}

    def _elides(self, edit: Edit) -> Slip | None:
        """Return a slip for an edit whose new lines elide code, as in `# ... existing code ...`, or None."""
        new_lines = (text.strip() for hunk in edit.hunks for sign, text in hunk.lines if sign == "+")
        old_text = self._old_text(edit.path) or ""
        line = next((line for line in new_lines if is_elision(line) and line not in old_text), None)
        if line is None:
            return None
        return Slip(ELIDED_LINE.format(path=edit.path, line=line), self._find(edit.path))


def _without_name(code: str, name: str, before: str) -> str:
    """Return a file without the comment that names it, unless the old file begins with the comment."""
    first_line, _, other_lines = code.partition("\n")
    had_comment = before.partition("\n")[0].strip() == first_line.strip()
    return other_lines if name_in_comment(first_line) == name and not had_comment else code


def _whole_files_beside(answer: Edits, default: str) -> list[Edit]:
    """Return the whole files in addition to edits: named ones, or all if the edits only delete."""
    if all(edit.action == "delete" for edit in answer.edits):
        files, _ = whole_files("", answer.blocks, default=default)
    else:
        files = {block.name: block.text for block in answer.blocks if block.name and block.text.strip()}
    return [Edit(path, "write", text=text) for path, text in files.items()]


def _only_left_out(names: Iterable[str]) -> str:
    """Return the message about an answer that changes only forbidden files, usually tests."""
    shown_names = ", ".join(shown_path(name) for name in list(dict.fromkeys(names))[:_MAX_NAMED])
    return (
        f"Nothing was changed: no answer may change {shown_names}, by which the task is decided. "
        "Answer with changes of the code that is tested."
    )
