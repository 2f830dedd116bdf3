"""Parse TOML that somebody else wrote, in bounded time."""

import re
import tomllib

MOST_PARTS = 100
"""Maximum parts of a dotted key, as `tomllib` copies all earlier parts for each part."""
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}")


def parse_toml(text: str) -> dict[str, object]:
    """Parse TOML. Raises ValueError if it isn't TOML, is nested too deeply, or may have too long a key."""
    text = text.removeprefix("\ufeff")  # which editors of Windows write, and JSON and YAML are read without
    if (long_key := _LONG_KEY.search(text)) is not None:
        line = text.count("\n", 0, long_key.start()) + 1
        raise tomllib.TOMLDecodeError(f"A key has more than {MOST_PARTS} parts (at line {line}, column 1)")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("It is nested too deeply (at line 1, column 1)") from error
