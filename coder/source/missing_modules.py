"""What a failing command says isn't installed, so that nobody is asked to mend that in the code."""

import re
from collections.abc import Collection, Mapping

from coder.source.manifests import named_in

_SAID = (
    re.compile(r"ModuleNotFoundError: No module named '([A-Za-z_]\w*)(?=[.'])"),
    re.compile(r"Cannot find (?:module|package) '((?:@[\w.-]+/)?[A-Za-z_][\w.-]*)"),
)


def missing_modules(said: str, files: Collection[str]) -> tuple[str, ...]:
    """Modules and packages by the names under which they are imported; none that the folder itself may hold.

    Args:
        said: what the command wrote.
        files: paths of the folder.
    """
    own = {part.partition(".")[0] for path in files for part in path.split("/")}
    found = dict.fromkeys(name for pattern in _SAID for name in pattern.findall(said))
    return tuple(name for name in found if name not in own)


def are_declared(names: Collection[str], files: Mapping[str, str | None]) -> bool:
    """Whether the folder's own manifests name one of them: then it is meant to be installed."""
    contents = {path: text.encode() for path, text in files.items() if text is not None}
    said = "\n".join(content.decode() for content in named_in(contents).values()).lower().replace("_", "-")
    plain = [re.escape(name.lower().replace("_", "-")) for name in names]
    return any(re.search(rf"(?<![\w-]){name}(?![\w-])", said) for name in plain)
