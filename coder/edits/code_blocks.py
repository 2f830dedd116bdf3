"""Find the files in a model's answer. Lenient: a slip of form should not cost an attempt.

What is understood: fenced blocks (``` or ~~~, closed or cut off), a file's name in the fence line, in the
line above or in a first comment, prose inside a block, transcripts, and an answer that is all code.
"""

import ast
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from coder.edits.nesting import LONGEST_NAME, NAME, Fences, Language, known_name, opening_fence
from coder.source.python_names import defined_names

MAX_ANSWER = 2 << 20
"""Characters of an answer that are looked at."""
_TRIMS = 12
"""Lines dropped from either end of a block while looking for code in it."""
_MOST_TRIMMED = 50_000
"""Characters of a block in which code is looked for among prose."""
_MOST_PARSED = 500_000
"""Characters of code that is looked into at all."""

_NAME = rf"(?P<name>{NAME})"
_ABOVE = re.compile(  # what stands before a name is as short as can be: a dot may begin it
    rf"^\W{{0,6}}?(?:(?:file(?:name)?|path)\s*:?\W{{0,4}}?)?(?:\./)*(?!-|\.{{3}}){_NAME}\W{{0,4}}$",
    re.IGNORECASE,
)
_COMMENT = re.compile(rf"^(?:#|//)\s*(?:(?:file(?:name)?|path)\s*:?\s*)?{_NAME}\s*$", re.IGNORECASE)
_INFO_NAME = re.compile(rf"(?:^|[\s:=\"'])({NAME})[\"']?\s*$")
_SENTENCE = re.compile(rf"^[^`]*`(?:\./)*{_NAME}`[^`]*:\W{{0,3}}$")
_NO_FILE = re.compile(
    r"\b(?:examples?|us(?:e|es|age|ing)|run|runs|running|call|calls|outputs?|prints?|shows?)\b", re.IGNORECASE
)
"""What is said of a block that is about a file, and isn't the file."""
_COMMANDS = {"bash", "sh", "shell", "console", "text", "txt", "output", "diff", "pycon", "traceback"}
_PYTHON = {"", "python", "py", "python3", "py3"}
_MARKDOWN = {"markdown", "md", "mdx"}
_OF_MARKDOWN = (".md", ".markdown", ".mdx")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the file that it names (or None) and its text."""

    language: str
    name: str | None
    text: str = ""
    is_closed: bool = True
    """Its end was there; else the answer ended before."""

    @property
    def is_python(self) -> bool:
        """Meant as Python, by its language or its file's name."""
        return self.name.endswith(".py") if self.name else self.language in _PYTHON

    @property
    def kind(self) -> Language:
        """What tells where it ends, if its text holds fences."""
        if self.is_python:
            return "python"
        is_markdown = self.name.lower().endswith(_OF_MARKDOWN) if self.name else False
        return "markdown" if is_markdown or self.language in _MARKDOWN else "other"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The files of an answer, and what to tell the model when there is something to ask for again."""

    files: dict[str, str]
    problem: str | None = None


def parse_answer(
    text: str, *, default: str, expected: Sequence[str] = (), known: Collection[str] = ()
) -> Parsed:
    """Read the files out of an answer.

    Args:
        text: the answer.
        default: path of the file that code without a name belongs to.
        expected: names that the default file must define, so far as they are known.
        known: files that are there.
    """
    blocks = find_blocks(text[:MAX_ANSWER], known=known)
    files = {block.name: block.text for block in blocks if block.name}
    unnamed = [block.text for block in blocks if not block.name and block.is_python]
    if not blocks and (code := _all_code(text[:MAX_ANSWER])):
        unnamed = [code]
    if not default.endswith(".py"):
        unnamed = []
        if not files and len(blocks) == 1:  # no language of ours to go by: several could be anything
            files[default] = blocks[0].text
    if unnamed and default not in files:
        files[default] = _choose([_tidy(code) for code in unnamed], expected)
    files = {
        path: _tidy(code) if path.endswith(".py") else code for path, code in files.items() if code.strip()
    }
    return Parsed(files, _problem(files, default, expected))


def find_blocks(text: str, *, known: Collection[str] = ()) -> list[Block]:
    """Every fenced block in order; one that is never closed goes to the end of the text.

    Args:
        text: the answer.
        known: files that are there: their names may look like anything, with blanks or without an ending.
    """
    blocks: list[Block] = []
    lines = _lines(text)
    fences = Fences(lines, known=known)
    i = 0
    while i < len(lines):
        if opening_fence(lines[i]) is None:
            i += 1
            continue
        block, end = block_at(lines, i, fences, known=known)
        blocks.append(block)
        i = end + 1
    return blocks


def block_at(lines: Sequence[str], at: int, fences: Fences, *, known: Collection[str]) -> tuple[Block, int]:
    """The block that line `at` of an answer opens, and the line that closes it."""
    opening = opening_fence(lines[at])
    assert opening is not None
    above = next((line for line in reversed(lines[max(0, at - 2) : at]) if line.strip()), "")
    first = lines[at + 1] if at + 1 < len(lines) else ""
    head = _head(opening["info"].strip()[:LONGEST_NAME], above[:LONGEST_NAME], first, known)
    end = fences.end(at, head.kind)
    body = lines[at + 1 : end]
    return replace(head, text="\n".join(body) + "\n" if body else "", is_closed=end < len(lines)), end


def named_in_comment(line: str) -> str | None:
    """The file that a comment names, where that is all that it says."""
    match = _COMMENT.match(line.strip()[:LONGEST_NAME])
    return match["name"] if match is not None else None


def _lines(text: str) -> list[str]:
    """Lines without their ends. A form feed ends none, nor do other signs that Python takes for ends."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def _head(info: str, above: str, first: str, known: Collection[str]) -> Block:
    """A block without its text: what its fence, the line above and its first line say of it."""
    named = _INFO_NAME.search(info)
    language = re.split(r"[\s:{]", info, maxsplit=1)[0].lower()
    name = known_name(above, known) or known_name(info.partition(" ")[2], known)
    if name is None and named:
        name = named[1]
    if name is None and (match := _ABOVE.match(above.strip())):
        name = match["name"]
    if name is None:
        name = named_in_comment(first)
    if name is None and language not in _COMMANDS:
        name = _named_in_sentence(above)
    if name is not None and name == language:  # "```foo.py" names a file, not a language
        language = name.rsplit(".", 1)[-1]
    return Block(language, name)


def _named_in_sentence(line: str) -> str | None:
    """The only file that a sentence quotes which leads to a block: "The corrected `a.py`:"."""
    match = _SENTENCE.match(line.strip())
    return match["name"] if match is not None and _NO_FILE.search(line) is None else None


def _tidy(code: str) -> str:
    """The code of a block without transcript prompts, common indent, or prose around it."""
    lines = _lines(code)
    if any(line.startswith(">>> ") for line in lines) and not _parses(code):
        lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    shift = min(indents, default=0)
    lines = [line[shift:] for line in lines]
    text = "\n".join(lines).strip("\n") + "\n"
    if _parses(text) or len(text) > _MOST_TRIMMED:
        return text
    most = min(_TRIMS, len(lines))
    cuts = sorted(((a, b) for a in range(most) for b in range(most)), key=sum)
    for head, tail in cuts:
        shorter = "\n".join(lines[head : len(lines) - tail]).strip("\n") + "\n"
        if _names(shorter):
            return shorter
    return text


def _choose(codes: list[str], expected: Sequence[str]) -> str:
    """Of several blocks: the first that defines all expected names, else all that belong together."""
    wanted = set(expected)
    if wanted:
        for code in codes:
            if wanted <= _names(code):
                return code
    together = "\n\n".join(codes)
    if len(codes) == 1 or (wanted and wanted <= _names(together)):
        return together
    return max(codes, key=lambda code: (len(_names(code) & wanted), len(_names(code)), len(code)))


def _all_code(text: str) -> str | None:
    """An answer without any fence that is code from its first line to its last."""
    code = _tidy(text)
    return code if _names(code) else None


def _problem(files: dict[str, str], default: str, expected: Iterable[str]) -> str | None:
    if not files and not default.endswith(".py"):
        return "Your answer holds no file. Answer with each file whole, in a fenced block, its path above it."
    if not files:
        return "Your answer holds no code. Answer with the complete code in one ```python block."
    if default not in files or not _parses(files[default]):
        return None  # a syntax error shows up, with its line, when the file runs
    missing = sorted(set(expected) - _names(files[default]))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        return f"Your code doesn't define {names}. Answer with the complete code, with exactly that name."
    return None


def _names(code: str) -> set[str]:
    return defined_names(code) if len(code) <= _MOST_PARSED else set()


def _parses(code: str) -> bool:
    if len(code) > _MOST_PARSED:
        return False
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
