"""Fenced blocks of an answer, the whole files in them, and signs of incomplete files.

Lenient, so that a formal slip costs no attempt: blocks may be truncated, a file's name may be in the fence
line, the line above or a first comment, and code may be surrounded by prose or be a transcript.
"""

import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from coder.edits.nesting import Fences, Language, opening_fence
from coder.edits.paths import name_in_comment, name_in_sentence, name_of_block
from coder.source.python_names import defined_names, longest_start, parse_source

MAX_ANSWER = 2 << 20
"""Most characters of an answer that are read."""
_TRIMS = 12
"""Most lines of prose behind a block's code that are dropped."""
_MOST_PARSED = 500_000
"""Most characters of code that are parsed."""
_STARTS = ("def ", "async def ", "class ", "import ", "from ", "@")
_COMMANDS = {"bash", "sh", "shell", "console", "text", "txt", "output", "diff", "pycon", "traceback"}
_PYTHON = {"", "python", "py", "python3", "py3"}
_MARKDOWN = {"markdown", "md", "mdx"}
_OF_MARKDOWN = (".md", ".markdown", ".mdx")
_COMMENT = r"^\s*(?:#|//|/\*|<!--|--|;)"
_ELIDED = re.compile(
    rf"(?:{_COMMENT}|^)\s*(?:\.\.\.|…).*\b(?:rest|remain\w*|existing|unchanged|previous|same|omitted)\b"
    rf"|{_COMMENT}\s*(?:the\s+)?(?:rest of|remaining|existing) .*\b(?:code|file|unchanged|same)\b",
    re.IGNORECASE,
)
_MOST_OF_A_LINE = 400
"""Most characters of a line that are read."""
LEFT_OUT = (
    "`{path}`: the new line `{line}` stands for code that it doesn't hold. Write that code, or leave it out "
    "of the old lines too."
)
_MARKER = (
    "`{path}` was not written: the line `{line}` begins an edit, in no form that is understood here. Answer "
    "with `<<<<<<< SEARCH`, the old lines, `=======`, the new lines and `>>>>>>> REPLACE`, or with the whole "
    "file."
)
_CUT = (
    "`{path}` was not written: your answer ends in the middle of it, before its block is closed. "
    "Answer with edits, or with the whole file again."
)
_ELISION = (
    "`{path}` was not written: the line `{line}` stands for code that your answer leaves out. "
    "Answer with the whole file, or with edits."
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the file that it names (or None) and its text."""

    language: str
    name: str | None
    text: str = ""
    is_closed: bool = True
    """False: the answer ended within it."""

    @property
    def is_python(self) -> bool:
        """Whether it is Python, by file name or language."""
        return self.name.endswith(".py") if self.name else self.language in _PYTHON

    @property
    def kind(self) -> Language:
        """The kind of text, which decides where a block with inner fences ends."""
        if self.is_python:
            return "python"
        is_markdown = self.name.lower().endswith(_OF_MARKDOWN) if self.name else False
        return "markdown" if is_markdown or self.language in _MARKDOWN else "other"


def find_blocks(text: str) -> list[Block]:
    """Every fenced block in order; an unclosed one extends to the end of the text."""
    blocks: list[Block] = []
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    fences = Fences(lines, files=())
    i = 0
    while i < len(lines):
        if opening_fence(lines[i]) is None:
            i += 1
            continue
        block, end = block_at(lines, i, fences, files=())
        blocks.append(block)
        i = end + 1
    return blocks


def block_at(lines: Sequence[str], at: int, fences: Fences, *, files: Collection[str]) -> tuple[Block, int]:
    """The block that line `at` of an answer opens, and the line that closes it."""
    opening = opening_fence(lines[at])
    assert opening is not None
    first = lines[at + 1] if at + 1 < len(lines) else ""
    head = _head(opening["info"].strip(), line_above(lines, at), first, files)
    end = fences.end(at, head.kind)
    body = lines[at + 1 : end] if end < len(lines) or lines[-1] else lines[at + 1 : end - 1]
    return replace(head, text="".join(f"{line}\n" for line in body), is_closed=end < len(lines)), end


def line_above(lines: Sequence[str], at: int) -> str:
    """The line above, skipping at most one blank line."""
    return next((line for line in reversed(lines[max(0, at - 2) : at]) if line.strip()), "")


def _head(info: str, above: str, first: str, files: Collection[str]) -> Block:
    """A block without its text, from its fence, the line above and its first line."""
    language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower()
    name = name_of_block(info, above, files) or name_in_comment(first)
    if name is None and language not in _COMMANDS:
        name = name_in_sentence(above)
    if name is not None and name == language:  # "```foo.py" names a file, not a language
        language = name.rsplit(".", 1)[-1]
    return Block(language, name)


def whole_files(
    text: str, blocks: Sequence[Block], *, default: str, expected: Sequence[str] = ()
) -> tuple[dict[str, str], str | None]:
    """The whole files of an answer, and what to ask for again.

    Args:
        text: the answer, which may be all code.
        blocks: its fenced blocks.
        default: path of the file that unnamed code belongs to.
        expected: names that the default file must define.
    """
    files = {block.name: block.text for block in blocks if block.name}
    unnamed = [block.text for block in blocks if not block.name and block.is_python]
    if not blocks and _names(code := _tidy(text)):
        unnamed = [code]
    if not default.endswith(".py"):
        unnamed = []
        if not files and len(blocks) == 1:  # of several blocks in other languages, any could be the file
            files[default] = blocks[0].text
    if unnamed and default not in files:
        files[default] = _choose([_tidy(code) for code in unnamed], expected)
    files = {
        path: _tidy(code) if path.endswith(".py") else code for path, code in files.items() if code.strip()
    }
    return files, _problem(files, default, expected)


def _tidy(code: str) -> str:
    """Python source without transcript prompts, common indentation, or surrounding prose."""
    text = code.strip("\n") + "\n"
    if len(text) > _MOST_PARSED or parse_source(text) is not None:
        return text
    lines = text.split("\n")
    if any(line.startswith(">>> ") for line in lines):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    text = textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith(_STARTS)), 0)
    source = longest_start("\n".join(lines[first:]))
    is_most = len(lines) - first - len(source.splitlines()) <= _TRIMS
    return source if is_most and defined_names(source) else text


def _choose(codes: list[str], expected: Sequence[str]) -> str:
    """Of several blocks: the first that defines all expected names, else all compatible ones."""
    wanted = set(expected)
    if wanted:
        for code in codes:
            if wanted <= _names(code):
                return code
    together = "\n\n".join(codes)
    if len(codes) == 1 or (wanted and wanted <= _names(together)):
        return together
    return max(codes, key=lambda code: (len(_names(code) & wanted), len(_names(code)), len(code)))


def _problem(files: Mapping[str, str], default: str, expected: Iterable[str]) -> str | None:
    if not files and not default.endswith(".py"):
        return "Your answer holds no file. Answer with each file whole, in a fenced block, its path above it."
    if not files:
        return "Your answer holds no code. Answer with the complete code in one ```python block."
    code = files.get(default) or "("
    if len(code) > _MOST_PARSED or parse_source(code) is None:
        return None  # a run reports the syntax error with its line
    missing = sorted(set(expected) - _names(code))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        return f"Your code doesn't define {names}. Answer with the complete code, with exactly that name."
    return None


def _names(code: str) -> set[str]:
    return defined_names(code) if len(code) <= _MOST_PARSED else set()


def stands_for_others(line: str) -> bool:
    """Whether a line stands for elided code, such as `# ... existing code ...`."""
    return _ELIDED.match(line[:_MOST_OF_A_LINE]) is not None


class Whole:
    """The blocks of an answer that aren't edits, checked for elisions."""

    def __init__(self, blocks: Sequence[Block], *, default: str, is_cut: bool) -> None:
        """Read the blocks; `is_cut`: the rest of the answer isn't read."""
        lines = [line for block in blocks for line in block.text.split("\n")]
        self._elided = [line for line in lines if stands_for_others(line)]
        self._marker = next((line for block in blocks if (line := _marker(block.text))), None)
        is_open = bool(blocks) and not blocks[-1].is_closed
        self._open = (blocks[-1].name or default) if is_open else None
        self._is_cut = is_cut

    def refusal(self, path: str, code: str, before: str | None) -> str | None:
        """Reason against writing a file; None if there is none. `before` is None for a new file."""
        if self._marker is not None and self._marker not in (before or ""):
            return _MARKER.format(path=path, line=self._marker.strip())
        if before is not None and self._elided:
            lines_before = set(before.split("\n"))
            line = next((line for line in self._elided if line not in lines_before), None)
            if line is not None:
                return _ELISION.format(path=path, line=line.strip())
        is_shorter = before is not None and len(code) < len(before)
        if path == self._open and (is_shorter or self._is_cut):
            return _CUT.format(path=path)
        return None


def _marker(code: str) -> str | None:
    """A line that begins an edit in no supported format, or a git conflict."""
    lines = code.split("\n")
    begins = [line for line in lines if line.startswith(("<<<<<<<", "&lt;" * 5, "------- "))]
    ends = any(line.startswith((">>>>>>>", "&gt;" * 5, "+++++++ ")) for line in lines)
    return begins[0] if begins and ends else None
