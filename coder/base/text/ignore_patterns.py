"""Patterns of `.gitignore`: what each matches, part by part between slashes.

Nothing backtracks over parts, nor over the stars of a part, so that no pattern takes long, as a library's
regular expressions can.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_MAX_LENGTH = 4096
"""Maximum characters of a pattern."""
_TOKEN = re.compile(
    r"""\\(?P<sign>.)|(?P<slash>/)|(?P<stars>\*+)|(?P<one>\?)
    |\[(?P<set>[!^]?+\]?+(?:\\.|\[:[a-z]*:\]|[^]\\])*)\]|(?P<broken>[\[\\])|(?P<plain>.)""",
    re.DOTALL | re.VERBOSE,
)
_MEMBER = re.compile(r"\[:(?P<name>[a-z]*):\]|\\?(?P<first>.)(?:-\\?(?P<last>.))?", re.DOTALL)
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\t-\\r ",
    "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip
"""Character classes by name; an unknown class makes its pattern match nothing."""
_NOTHING = "(?!)"


@dataclass(frozen=True, slots=True)
class Part:
    """Pattern of one name in a path; `**` stands for any number of names."""

    exact: re.Pattern[str] | None
    """None for `**`."""
    folded: re.Pattern[str] | None = None
    """The same, without regard to the case of letters."""
    literal: str | None = None
    """The name, if the part has no wildcard."""
    is_negating: bool = False
    """Whether it has a negated set, which may hold letters whose other case it leaves out."""

    def fits(self, name: str, *, folds: bool) -> bool:
        """Whether a name matches; with `folds`, also in other cases of its letters."""
        if self.exact is None or self.folded is None:
            return False
        if folds and self.folded.fullmatch(name) is not None:
            return True
        return (not folds or self.is_negating) and self.exact.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One line of an ignore file."""

    parts: tuple[Part, ...]
    is_anchored: bool = False
    """Whether it has a slash at its start or inside, which binds it to its folder."""
    is_negated: bool = False
    only_folders: bool = False

    def fits(self, path: str) -> bool:
        """Whether the whole path matches, part by part."""
        names = path.split("/")
        return len(names) in self._ends(names, folds=False)

    def covers(self, path: str, *, is_folder: bool = False, folds: bool = False) -> bool:
        """Whether it matches a path or a folder above it, as git ignores all files of an ignored folder."""
        names = path.split("/")
        ends = self._ends(names, folds=folds)
        return bool(ends) and (is_folder or not self.only_folders or min(ends) < len(names))

    def _ends(self, names: Sequence[str], *, folds: bool) -> set[int]:
        """Return the numbers of names that the pattern may match, from the first of a path."""
        reached = {0} if self.is_anchored else set(range(len(names)))
        for part in self.parts[:-1]:
            if not reached:
                break
            if part.exact is None:
                reached = set(range(min(reached), len(names) + 1))
            else:
                reached = _behind(part, names, reached, folds=folds)
        last_part = self.parts[-1]
        if last_part.exact is None:
            return set(range(min(reached) + 1, len(names) + 1)) if reached else set()
        return _behind(last_part, names, reached, folds=folds)


def _behind(part: Part, names: Sequence[str], reached: set[int], *, folds: bool) -> set[int]:
    """Return the indexes behind names that a part matches, of those at `reached`."""
    return {index + 1 for index in reached if index < len(names) and part.fits(names[index], folds=folds)}


@lru_cache(maxsize=4096)
def parse_pattern(line: str) -> IgnorePattern:
    """Parse a pattern: a slash at its start or inside binds it to its folder, else it fits at any depth.

    Raises ValueError if it can match nothing, as with a bracket that isn't closed.
    """
    is_negated = line.startswith("!")
    glob = line[is_negated:]
    parts = tuple(parse_parts(glob.rstrip("/").removeprefix("/")))
    if not parts:
        raise ValueError("it names nothing")
    return IgnorePattern(
        parts,
        is_anchored=glob.startswith("/") or len(parts) > 1,
        is_negated=is_negated,
        only_folders=glob.endswith("/"),
    )


def parse_parts(glob: str) -> Iterator[Part]:
    """Yield the parts of a glob between slashes. Raises ValueError if it can match nothing."""
    if len(glob) > _MAX_LENGTH:
        raise ValueError(f"it has more than {_MAX_LENGTH:,} characters")
    if not glob:
        return
    tokens: list[re.Match[str]] = []
    for token in _TOKEN.finditer(glob):
        if token["broken"]:
            reason = "`[` isn't closed by `]`" if token["broken"] == "[" else "`\\` ends it"
            raise ValueError(reason)
        if token["slash"] or token["sign"] == "/":
            yield _part(tokens)
            tokens = []
        else:
            tokens.append(token)
    yield _part(tokens)


def _part(tokens: list[re.Match[str]]) -> Part:
    """Return the part that these tokens make; several stars are one, unless they are alone."""
    if len(tokens) == 1 and len(tokens[0]["stars"] or "") > 1:
        return Part(None)
    pieces, is_literal = [""], True
    for token in tokens:
        if token["stars"]:
            pieces.append("")
        elif token["one"]:
            pieces[-1] += "."
        elif token["set"] is not None:
            pieces[-1] += _set(token["set"])
        else:
            pieces[-1] += re.escape(token["sign"] or token["plain"])
            continue
        is_literal = False
    first, *others = pieces
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    expression = first + (f"{middle}.*{others[-1]}" if others else "")
    literal = "".join(token["sign"] or token["plain"] for token in tokens) if is_literal else None
    exact = re.compile(expression, re.DOTALL)
    folded = re.compile(expression, re.DOTALL | re.IGNORECASE)
    return Part(exact, folded, literal, is_negating="[^" in expression)


def _set(text: str) -> str:
    """Return the expression of a bracket's text; a range that is empty holds its first character."""
    is_negated = text[0] in "!^"
    members = []
    for member in _MEMBER.finditer(text, int(is_negated)):
        if member["name"] is not None:
            if member["name"] not in _CLASSES:
                return _NOTHING
            members.append(_CLASSES[member["name"]])
        else:
            first, last = member["first"], member["last"] or member["first"]
            members += [re.escape(first), f"{re.escape(first)}-{re.escape(last)}"][: 1 + (first < last)]
    return f"[{'^' if is_negated else ''}{''.join(members)}]" if members else _NOTHING
