"""Write the table of options into the site's page of the command line: a hook of mkdocs."""

from collections.abc import Iterator
from typing import get_args

from coder.run.option_table import KEYS, OPTIONS, Choice, Option, Words
from coder.run.settings import Budget, Settings

MARKER = "<!-- The site has the table of options here. -->\n"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the marker by the options of this version."""
    return markdown.replace(MARKER, "\n".join(lines()) + "\n")


def lines() -> Iterator[str]:
    """The list: a line for each option that a file or a variable can set."""
    for name in KEYS:
        option = OPTIONS[name]
        help_text = option.help.removesuffix(" Repeatable.")
        default = f" ({option.defaults})" if option.defaults else ""
        yield f"- `{name}`{' ↓' * option.is_lowerable} {value_of(name, option)}{default}: {help_text}"


def value_of(name: str, option: Option) -> str:
    """What values an option takes; its metavariable where the help lists the values."""
    if "|" in option.help:
        return str(option.metavar)
    if words := words_of((Settings.model_fields | Budget.model_fields)[name].annotation):
        values = ", ".join(words)
        return f"some of {values}" if option.kind is Words else values
    if option.kind is Choice:
        return "true, false"
    bounds = [
        f"{sign}{bound:,g}" if bound < 1e6 else f"{sign}{bound:,.0f}"
        for sign, bound in (("≥", option.ge), (">", option.gt), ("≤", option.le))
        if bound is not None
    ]
    kind = f"{option.metavar}, …" if option.kind is Words else str(option.metavar)
    return ", ".join([kind.replace("|", ", "), *bounds])


def words_of(annotation: object) -> list[str]:
    """The words of a Literal in a type."""
    parts = get_args(annotation)
    return [word for part in parts for word in ([part] if isinstance(part, str) else words_of(part))]
