"""The cells of a script or a notebook."""

import json
import re

from coder.base.errors import UsageError

_MARK = re.compile(r"^#\s?%%(.*)$", re.MULTILINE)
_NOT_CODE = re.compile(r"\s*(.*\s)?\[(markdown|md|raw)\]", re.IGNORECASE)
_FORMAT = 4


def cells_of(source: str) -> tuple[str, ...]:
    """Cells of a script that hold code; without marks the script is one cell."""
    marks = list(_MARK.finditer(source))
    ends = [*(mark.start() for mark in marks[1:]), len(source)]
    cells = [source[: marks[0].start()] if marks else source]
    for mark, end in zip(marks, ends, strict=True) if marks else ():
        if _NOT_CODE.match(mark[1]) is None:
            cells.append(source[mark.end() : end].removeprefix("\n"))
    return tuple(cell for cell in cells if cell.strip())


def cells_of_notebook(content: bytes, name: str) -> tuple[str, ...]:
    """Code cells of a notebook file. Raises UsageError: it isn't one, or has an older format."""
    try:
        notebook = json.loads(content)
        if notebook["nbformat"] != _FORMAT:
            raise UsageError(
                f"{name} is a notebook of format {notebook['nbformat']}, and only {_FORMAT} can be read.\n"
                f"Bring it up to date: jupyter nbconvert --to notebook --inplace {name}"
            )
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{name} can't be read as a Jupyter notebook.") from error
    return tuple(cell for cell in cells if cell.strip())
