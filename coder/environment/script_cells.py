"""Split a script or a notebook into cells."""

import json
import re

from coder.base.errors import UsageError

_MARK = re.compile(r"^#\s?%%(.*)$", re.MULTILINE)
_NOT_CODE = re.compile(r"\s*(.*\s)?\[(markdown|md|raw)\]", re.IGNORECASE)
_NOTEBOOK_FORMAT = 4


def cells_of(source: str) -> tuple[str, ...]:
    """Return the code cells of a script; a script without cell marks is one cell."""
    marks = list(_MARK.finditer(source))
    ends = [*(mark.start() for mark in marks[1:]), len(source)]
    cells = [source[: marks[0].start()] if marks else source]
    for mark, end in zip(marks, ends, strict=True) if marks else ():
        if _NOT_CODE.match(mark[1]) is None:
            cells.append(source[mark.end() : end].removeprefix("\n"))
    return tuple(cell for cell in cells if cell.strip())


def cells_of_notebook(content: bytes, name: str) -> tuple[str, ...]:
    """Return the code cells of a notebook file. Raises UsageError unless it is one of format 4."""
    try:
        notebook = json.loads(content)
        if notebook["nbformat"] != _NOTEBOOK_FORMAT:
            raise UsageError(
                f"{name} is a notebook of format {notebook['nbformat']}, and only {_NOTEBOOK_FORMAT} can be "
                f"read.\n"
                f"Bring it up to date: jupyter nbconvert --to notebook --inplace {name}"
            )
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{name} can't be read as a Jupyter notebook.") from error
    return tuple(cell for cell in cells if cell.strip())
