"""Read the charset of a file from `.editorconfig`, whose malformed lines are skipped.

Format: https://spec.editorconfig.org
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from coder.base.text.editor_globs import Glob, parse_glob
from coder.base.text.wildcards import matches

NAME = ".editorconfig"
UTF_8_BOM = "utf-8-sig"
UTF_16 = ("utf-16-le", "utf-16-be")
_CODECS = {"latin1": "latin-1", "utf-16le": UTF_16[0], "utf-16be": UTF_16[1], "utf-8-bom": UTF_8_BOM}
_MAX_TEXT = 100_000
_COMMENTS = ("#", ";")

Charset = Callable[[str], str | None]
"""Function that returns the codec of a path; None: UTF-8, or not declared."""


def config_paths(path: str) -> list[str]:
    """Return the paths of the `.editorconfig` files that apply to a file, the outermost first."""
    return [str(folder / NAME) for folder in reversed(PurePosixPath(path).parents)]


def charset_among(configs: Mapping[str, str]) -> Charset:
    """Return a function that finds the codec of a path.

    Args:
        configs: texts of `.editorconfig` files by path, as paths of one folder.
    """
    parsed = {path: _parsed(text[:_MAX_TEXT]) for path, text in configs.items()}

    def charset_of(path: str) -> str | None:
        charset: str | None = None
        for config_path in config_paths(path):
            is_root, sections = parsed.get(config_path, (False, ()))
            charset = None if is_root else charset
            relative_path = path[len(config_path) - len(NAME) :]
            for glob, value in sections:
                if matches(glob, relative_path):
                    charset = value
        return _CODECS.get(charset or "")

    return charset_of if any(sections for _, sections in parsed.values()) else lambda path: None


@lru_cache(32)
def _parsed(text: str) -> tuple[bool, tuple[tuple[Glob, str], ...]]:
    """Return whether a file is the outermost, and the charsets of its sections with their globs."""
    is_root, glob, sections = False, None, []
    is_preamble = True
    for line in _lines(text):
        if line.startswith("["):
            is_preamble = False
            glob = parse_glob(line[1:-1]) if line.endswith("]") else None
            continue
        key, is_pair, value = (part.strip().lower() for part in line.partition("="))
        if is_pair and is_preamble and key == "root":
            is_root = value == "true"
        elif is_pair and glob is not None and key == "charset":
            sections.append((glob, value.partition(" ")[0]))
    return is_root, tuple(sections)


def _lines(text: str) -> Iterable[str]:
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return (line for line in lines if line and not line.startswith(_COMMENTS))
