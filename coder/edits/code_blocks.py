"""Find fenced blocks in an answer, whole files in them, and signs of incomplete files.

The formats are lenient, so that a formal mistake costs no attempt: blocks may be truncated, a file's name may
be in the fence line, the line above or a first comment, and code may be within prose or a transcript.
"""

import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from coder.edits.edit import FileBlocks
from coder.edits.nesting import Fences, Language, closes, opening_fence
from coder.edits.paths import file_name_in, is_member, name_in_comment, name_in_sentence, name_of_block
from coder.source.python_names import defined_names, longest_start, parse_source

MAX_ANSWER = 2 << 20
"""Maximum characters of an answer to read."""
_MAX_PROSE = 12
"""Maximum lines of prose to drop after a block's code."""
_MAX_PARSED = 500_000
"""Maximum characters of code to parse."""
_MAX_SEARCHED = 200
"""Maximum lines of a block to search for a name."""
_CODE_STARTS = ("def ", "async def ", "class ", "import ", "from ", "@")
_NO_SOURCE = {"bash", "sh", "shell", "console", "text", "txt", "output", "diff", "pycon", "traceback"}
_PYTHON_NAMES = {"", "python", "py", "python3", "py3"}
_MARKDOWN_NAMES = {"markdown", "md", "mdx"}
_MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx")
_COMMENT = r"^\s*(?:#|//|/\*|<!--|--|;)"
_ELIDED = re.compile(
    rf"(?:{_COMMENT}|^)\s*(?:\.\.\.|…).*\b(?:rest|remain\w*|existing|unchanged|previous|same|omitted)\b"
    rf"|{_COMMENT}\s*(?:the\s+)?(?:rest of|remaining|existing) .*\b(?:code|file|unchanged|same)\b",
    re.IGNORECASE,
)
_MAX_LINE = 400
"""Maximum characters of a line to read."""
ELIDED_LINE = (
    "`{path}`: the new line `{line}` stands for code that it doesn't hold. Write that code, or leave it out "
    "of the old lines too."
)
_MARKER = (
    "`{path}` was not written: the line `{line}` begins an edit, in no form that is understood here. Answer "
    "with `<<<<<<< SEARCH`, the old lines, `=======`, the new lines and `>>>>>>> REPLACE`, or with the whole "
    "file."
)
_TRUNCATED = (
    "`{path}` was not written: your answer ends in the middle of it, before its block is closed. "
    "Answer with edits, or with the whole file again."
)
_ELISION = (
    "`{path}` was not written: the line `{line}` stands for code that your answer leaves out. "
    "Answer with the whole file, or with edits."
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the file that it names (or None) and its text."""

    language: str
    name: str | None
    text: str = ""
    is_closed: bool = True
    """False: the answer ended inside the block."""
    path_above: str | None = None
    """The path that stands alone on the line above the block, or None."""

    @property
    def is_python(self) -> bool:
        """Whether the block is Python, by file name or language."""
        return self.name.endswith(".py") if self.name else self.language in _PYTHON_NAMES

    @property
    def kind(self) -> Language:
        """Kind of text, which decides where a block with inner fences ends."""
        if self.is_python:
            return "python"
        is_markdown = self.name.lower().endswith(_MARKDOWN_SUFFIXES) if self.name else False
        return "markdown" if is_markdown or self.language in _MARKDOWN_NAMES else "other"


def find_blocks(text: str) -> list[Block]:
    """Return all fenced blocks in order; an unclosed one extends to the end of the text."""
    blocks: list[Block] = []
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    fences = Fences(lines, files=())
    index = 0
    while index < len(lines):
        if opening_fence(lines[index]) is None:
            index += 1
            continue
        block, end = block_at(lines, index, fences, files=())
        blocks.append(block)
        index = end + 1
    return blocks


def block_at(lines: Sequence[str], at: int, fences: Fences, *, files: Collection[str]) -> tuple[Block, int]:
    """Return the block that line `at` of an answer opens, and the index of the line that closes it."""
    opening = opening_fence(lines[at])
    assert opening is not None
    begun = takewhile(lambda line: not closes(line, opening["mark"]), lines[at + 1 : at + 1 + _MAX_SEARCHED])
    head = _head(opening["info"].strip(), line_above(lines, at), [*begun], files)
    end = fences.end(at, head.kind)
    body = lines[at + 1 : end] if end < len(lines) or lines[-1] else lines[at + 1 : end - 1]
    return replace(head, text="".join(f"{line}\n" for line in body), is_closed=end < len(lines)), end


def line_above(lines: Sequence[str], at: int) -> str:
    """Return the line above, skipping at most one blank line."""
    return next((line for line in reversed(lines[max(0, at - 2) : at]) if line.strip()), "")


def _head(info: str, above: str, begun: Sequence[str], files: Collection[str]) -> Block:
    """Return a block without text, from its fence, the line above and its first lines."""
    language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower()
    is_python, code = language in _PYTHON_NAMES - {""}, "\n".join(begun)
    path_above, path_in_sentence = (
        None if name is None or is_member(name, code, files, is_python=is_python) else name
        for name in (file_name_in(above, files), name_in_sentence(above))
    )
    name = name_of_block(info, files) or path_above or name_in_comment(begun[0] if begun else "")
    if name is None and language not in _NO_SOURCE:
        name = path_in_sentence
    if name is not None and name == language:  # "```foo.py" names a file, not a language
        language = name.rsplit(".", 1)[-1]
    return Block(language, name, path_above=path_above)


def file_blocks(blocks: Sequence[Block], which: FileBlocks) -> list[Block]:
    """Return the blocks that are whole files, each named by the path that makes it one."""
    match which:
        case "all":
            return [*blocks]
        case "below_path":
            return [replace(block, name=block.path_above) for block in blocks if block.path_above is not None]
        case "none":
            return []


def whole_files(
    text: str, blocks: Sequence[Block], *, default: str, expected: Sequence[str] = ()
) -> tuple[dict[str, str], str | None]:
    """Return the whole files in an answer, and a problem to report to the model, or None.

    Args:
        text: the answer, which may consist only of code.
        blocks: the answer's fenced blocks.
        default: path of the file for code without a file name.
        expected: names that the default file must define.
    """
    files = {block.name: block.text for block in blocks if block.name}
    unnamed_codes = [block.text for block in blocks if not block.name and block.is_python]
    if not blocks and _names(code := _tidy(text)):
        unnamed_codes = [code]
    if not default.endswith(".py"):
        unnamed_codes = []
        if not files and len(blocks) == 1:  # one of several blocks in other languages would be ambiguous
            files[default] = blocks[0].text
    if unnamed_codes and default not in files:
        files[default] = _choose([_tidy(code) for code in unnamed_codes], expected)
    files = {
        path: _tidy(code) if path.endswith(".py") else code for path, code in files.items() if code.strip()
    }
    return files, _problem(files, default, expected)


def _tidy(code: str) -> str:
    """Return Python source without transcript prompts, common indentation and surrounding prose."""
    text = code.strip("\n") + "\n"
    if len(text) > _MAX_PARSED or parse_source(text) is not None:
        return text
    lines = text.split("\n")
    if any(line.startswith(">>> ") for line in lines):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    text = textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
    lines = text.splitlines()
    start = next((index for index, line in enumerate(lines) if line.startswith(_CODE_STARTS)), 0)
    source = longest_start("\n".join(lines[start:]))
    keeps_most = len(lines) - start - len(source.splitlines()) <= _MAX_PROSE
    return source if keeps_most and defined_names(source) else text


def _choose(codes: list[str], expected: Sequence[str]) -> str:
    """Return the first block that defines all expected names, else all blocks joined, else the best block."""
    expected_names = set(expected)
    if expected_names:
        for code in codes:
            if expected_names <= _names(code):
                return code
    all_code = "\n\n".join(codes)
    if len(codes) == 1 or (expected_names and expected_names <= _names(all_code)):
        return all_code
    return max(codes, key=lambda code: (len(_names(code) & expected_names), len(_names(code)), len(code)))


def _problem(files: Mapping[str, str], default: str, expected: Iterable[str]) -> str | None:
    if not files and not default.endswith(".py"):
        return "Your answer holds no file. Answer with each file whole, in a fenced block, its path above it."
    if not files:
        return "Your answer holds no code. Answer with the complete code in one ```python block."
    code = files.get(default) or "("
    if len(code) > _MAX_PARSED or parse_source(code) is None:
        return None  # running the code reports the syntax error
    missing = sorted(set(expected) - _names(code))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        return f"Your code doesn't define {names}. Answer with the complete code, with exactly that name."
    return None


def _names(code: str) -> set[str]:
    return defined_names(code) if len(code) <= _MAX_PARSED else set()


def is_elision(line: str) -> bool:
    """Whether a line stands for elided code, such as `# ... existing code ...`."""
    return _ELIDED.match(line[:_MAX_LINE]) is not None


class Whole:
    """The blocks of an answer that aren't edits, checked for elisions."""

    def __init__(self, blocks: Sequence[Block], *, default: str, is_cut: bool) -> None:
        """Read the blocks; `is_cut` means that the rest of the answer wasn't read."""
        lines = [line for block in blocks for line in block.text.split("\n")]
        self._elided = [line for line in lines if is_elision(line)]
        self._marker = next((line for block in blocks if (line := _marker(block.text))), None)
        is_open = bool(blocks) and not blocks[-1].is_closed
        self._open = (blocks[-1].name or default) if is_open else None
        self._is_cut = is_cut

    def refusal(self, path: str, code: str, before: str | None) -> str | None:
        """Return why a file isn't written, or None. `before` is None for a new file."""
        if self._marker is not None and self._marker not in (before or ""):
            return _MARKER.format(path=path, line=self._marker.strip())
        if before is not None and self._elided:
            lines_before = set(before.split("\n"))
            line = next((line for line in self._elided if line not in lines_before), None)
            if line is not None:
                return _ELISION.format(path=path, line=line.strip())
        is_shorter = before is not None and len(code) < len(before)
        if path == self._open and (is_shorter or self._is_cut):
            return _TRUNCATED.format(path=path)
        return None


def _marker(code: str) -> str | None:
    """Return a line that begins an edit in an unsupported format or a git conflict, or None."""
    lines = code.split("\n")
    openings = [line for line in lines if line.startswith(("<<<<<<<", "&lt;" * 5, "------- "))]
    is_closed = any(line.startswith((">>>>>>>", "&gt;" * 5, "+++++++ ")) for line in lines)
    return openings[0] if openings and is_closed else None
