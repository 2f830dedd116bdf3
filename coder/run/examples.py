"""Examples of a prompt: transcripts (`>>> f(2)`) and lines that begin with `assert`."""

import textwrap

from coder.source.python_names import free_names, parse_source
from sandbox import Assertion, Example


def find_examples(prompt: str) -> list[Example | Assertion]:
    """Examples of a prompt that use something the candidate must define."""
    return [*_transcripts(prompt), *_asserts(prompt)]


def _transcripts(prompt: str) -> list[Example]:
    found: list[Example] = []
    parts = _transcript_parts(prompt)
    if not parts:
        return found
    import doctest  # it imports a debugger and a framework of tests

    for paragraph in parts:
        try:
            examples = doctest.DocTestParser().get_examples(paragraph)
        except ValueError:  # inconsistent indentation, a missing blank after the prompt: not a transcript
            continue
        found += [
            Example(source=e.source, want=e.want) for e in examples if parse_source(e.source) is not None
        ]
    return found if any(free_names(example.source) for example in found) else []


def _transcript_parts(prompt: str) -> list[str]:
    """Pieces that start at a `>>>` and end at a blank line, a fence or a docstring's end."""
    parts: list[str] = []
    current: list[str] = []
    for line in prompt.splitlines():
        stripped = line.strip()
        if stripped.startswith(">>>"):
            current.append(line)
        elif current and (not stripped or stripped.startswith(("```", '"""', "'''"))):
            parts.append("\n".join(current) + "\n")
            current = []
        elif current:
            current.append(line)
    if current:
        parts.append("\n".join(current) + "\n")
    return [textwrap.dedent(part) for part in parts]


def _asserts(prompt: str) -> list[Assertion]:
    lines = (line.strip().strip("`").strip() for line in prompt.splitlines())
    candidates = [line for line in lines if line.startswith("assert ")]
    return [
        Assertion(source=line) for line in candidates if parse_source(line) is not None and free_names(line)
    ]
