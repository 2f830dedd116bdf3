"""Write the table of options into the reference: `python -m tests.docs.option_table_make`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from coder.run.option_table import KEYS, OPTIONS, Choice, Option, Words
from coder.run.settings import Budget, Settings

PAGE = Path(__file__).parents[2] / "docs/reference/command-line.md"
BEGIN, END = "<!-- options: python -m tests.docs.option_table_make -->\n", "<!-- end of options -->\n"


def page_with_table(text: str) -> str:
    """The page with the options of this version between its markers."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n".join(lines()) + "\n" + END + rest.partition(END)[2]


def lines() -> Iterator[str]:
    """The list: a line for each option that a file or a variable can set."""
    for name in KEYS:
        option = OPTIONS[name]
        shown = option.help.removesuffix(" Repeatable.")
        default = f" ({option.defaults})" if option.defaults else ""
        yield f"- `{name}`{' ↓' * option.lowers} {value_of(name, option)}{default}: {shown}"


def value_of(name: str, option: Option) -> str:
    """What values an option takes; its metavariable where the help lists the values."""
    if "|" in option.help:
        return str(option.metavar)
    if words := words_of((Settings.model_fields | Budget.model_fields)[name].annotation):
        shown = ", ".join(words)
        return f"some of {shown}" if option.kind is Words else shown
    if option.kind is Choice:
        return "true, false"
    bounds = [
        f"{sign}{bound:,g}" if bound < 1e6 else f"{sign}{bound:,.0f}"
        for sign, bound in (("≥", option.ge), (">", option.gt), ("≤", option.le))
        if bound is not None
    ]
    kind = f"{option.metavar}, …" if option.kind is Words else str(option.metavar)
    return ", ".join([kind.replace("|", ", "), *bounds])


def words_of(annotation: Any) -> list[str]:
    """The words of a Literal in a type."""
    parts = get_args(annotation)
    return [word for part in parts for word in ([part] if isinstance(part, str) else words_of(part))]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))
