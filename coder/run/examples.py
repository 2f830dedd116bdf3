"""Find examples in a prompt: transcripts, asserts, and sentences such as "f(2) should return 4".

A sentence is a call with literals, a word or an arrow, and one literal. Doubtful examples are omitted, since
a wrong example would reject correct code. At most 500 of each kind are read, since each takes time. Of
HumanEval's 164 prompts 139 have examples, 76 without sentences (tests/coder/run/test_prose_examples.py).
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import islice

from coder.source.python_names import free_names, names_in_prompt, parse_source
from sandbox import Assertion, Example


def find_examples(prompt: str) -> list[Example | Assertion]:
    """Return the examples in a prompt that use a name which the candidate must define."""
    in_words = (Assertion(source=source) for source in stated_examples(prompt, names_in_prompt(prompt)))
    return [*_transcripts(prompt), *_asserts(prompt), *in_words]


def _transcripts(prompt: str) -> list[Example]:
    results: list[Example] = []
    parts = _transcript_parts(prompt)
    if not parts:
        return results
    import doctest  # imported here, because it imports a debugger and unittest

    for paragraph in parts:
        try:
            examples = doctest.DocTestParser().get_examples(paragraph)
        except ValueError:  # inconsistent indentation, a missing blank after the prompt: not a transcript
            continue
        results += [
            Example(source=e.source, want=e.want) for e in examples if parse_source(e.source) is not None
        ]
    return results if any(free_names(example.source) for example in results) else []


def _transcript_parts(prompt: str) -> list[str]:
    """Return the pieces that start at a `>>>` and end at a blank line, a fence or a docstring's end."""
    parts: list[str] = []
    current: list[str] = []
    count = 0
    for line in prompt.splitlines():
        stripped = line.strip()
        if stripped.startswith(">>>"):
            if count == _MAX_EXAMPLES:
                break
            count += 1
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
    candidates = islice((line for line in lines if line.startswith("assert ")), _MAX_EXAMPLES)
    return [
        Assertion(source=line) for line in candidates if parse_source(line) is not None and free_names(line)
    ]


_MAX_EXAMPLES = 500
"""Maximum number of examples of each kind, and of positions in a prompt to examine."""
_COMPLAINS = re.compile(
    r"\bbugs?\b|\bbroken\b|\b(?:currently|actually)\b|\binstead\s+of\s+[\d'\"\[({TFN-]|\bwrongly\b"
    r"|\bbut\s+(?:it\s+|that\s+|this\s+)?(?:should|returns?|gives?|must)\b",
    re.I,
)
"""Words of a complaint; in a prompt with them, examples can't be told from wrong results."""
_MAX_LENGTH = 2000
"""Maximum characters of one call or value."""
_S, _B = r"\s{0,20}", r"\s{1,20}"  # blanks: bounded, since a prompt may hold any number of them
_ARROW = r"(?:={1,2}>|-{1,2}>|→|➞|➔|➜|⇒|↦|⟶|⟹)"
_WHO = rf"(?:(?:it|this|that|which|you|we|and|then|the{_B}(?:function|answer|output|result|value)){_B})?"
_MUST = rf"(?:(?:should|must|will|would|can|has{_B}to|ought{_B}to){_B})?"
_GIVE = (
    r"(?:be|is|are|returns?|gives?|yields?|produces?|outputs?|prints?|equals?|becomes"
    rf"|evaluates?{_B}to|results?{_B}in)"
)
_KIND = rf"(?:{_B}the{_B}(?:string|list|number|value|tuple|integer|boolean))?"
_VERB = rf"{_WHO}{_MUST}{_GIVE}{_KIND}\b"
_MARKS = r"[`*]{0,2}"
_GIVES = re.compile(
    rf"{_MARKS}{_S}[,;]?{_S}(?:(?:\#|//){_S})?(?:{_ARROW}|={{1,3}}|:|{_VERB}){_S}:?{_S}{_MARKS}{_S}", re.I
)
_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)|True\b|False\b|None\b")
_ENDS = re.compile(r"[`*'\"]{0,2}\s*(?:$|[.,;:!)](?:\s|$|[)\"'`*])|[)\]]|#|//|\(|\n|[A-Za-z])")
_OPENING, _CLOSING = "([{", ")]}"


def stated_examples(prompt: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the assertions that a prompt states in words about these functions, in order."""
    if _COMPLAINS.search(prompt):
        return
    text = "\n".join(line for line in prompt.splitlines() if not line.lstrip().startswith((">>>", "assert ")))
    yield from dict.fromkeys(_calls(text, names) if names else ())


def _calls(text: str, names: Sequence[str]) -> Iterator[str]:
    """Yield an assertion for each statement such as `f(2) => 4`."""
    pattern = "|".join(map(re.escape, names))
    for match in islice(re.finditer(rf"(?<![\w.])(?<!def )(?:{pattern})\s*(?=\()", text), _MAX_EXAMPLES):
        end = _balanced(text, match.end())
        link = _GIVES.match(text, end) if end else None
        value = _value(text, link.end()) if link else None
        source = text[match.start() : end]
        if value and _is_call_of_literals(source):
            yield f"assert {_one_line(source)} == {value}"


def _value(text: str, position: int) -> str | None:
    """Return the literal that begins at a position, on one line; None if more follows, as in `4 + x`."""
    while text[position : position + 1] in (" ", "`"):
        position += 1
    if text[position : position + 1] in ("[", "(", "{", "'", '"'):
        end = _balanced(text, position)
    else:
        plain_value = _PLAIN.match(text, position)
        end = plain_value.end() if plain_value else None
    source = _one_line(text[position:end]) if end else ""
    return source if end and _is_literal(source) and _ENDS.match(text, end) else None


def _balanced(text: str, at: int) -> int | None:
    """Return the position after the bracket or string that opens at `at`; None if it isn't closed."""
    depth, index = 0, at
    while index < min(len(text), at + _MAX_LENGTH):
        character = text[index]
        if character in "'\"":
            string = re.compile(rf"{character}(?:\\.|[^\\{character}\n])*{character}").match(text, index)
            if string is None:
                return None
            index = string.end() - 1
        depth += (character in _OPENING) - (character in _CLOSING)
        index += 1
        if depth <= 0:
            return index
    return None


def _is_call_of_literals(source: str) -> bool:
    tree = parse_source(_one_line(source))
    call = tree.body[0].value if tree and isinstance(tree.body[0], ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(_is_literal(ast.unparse(argument)) for argument in arguments)


def _is_literal(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _one_line(source: str) -> str:
    return " ".join(source.split("\n"))
