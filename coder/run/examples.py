"""Examples of a prompt: transcripts, asserts, and in words: `f(2) => 4`, "f(2) should return 4", "Input: 2".

Read strictly: a call with literals, a word or an arrow, one literal, and nothing that goes on with it. What
is in doubt is left out, since an example that was read wrongly would refuse right code.
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from coder.source.python_names import free_names, names_in_prompt, parse_source


@dataclass(frozen=True, slots=True)
class FoundExample:
    """One example of the prompt: source, and what its value prints as (None for an assert)."""

    source: str
    want: str | None


def find_examples(prompt: str) -> list[FoundExample]:
    """Examples of a prompt, of whatever form, that speak of something the candidate must define."""
    stated = (FoundExample(source, None) for source in stated_examples(prompt, names_in_prompt(prompt)))
    return [*_transcripts(prompt), *_asserts(prompt), *stated]


def _transcripts(prompt: str) -> list[FoundExample]:
    found: list[FoundExample] = []
    parts = _transcript_parts(prompt)
    if not parts:
        return found
    import doctest  # it imports a debugger and a framework of tests

    for paragraph in parts:
        try:
            examples = doctest.DocTestParser().get_examples(paragraph)
        except ValueError:  # inconsistent indentation, a missing blank after the prompt: not a transcript
            continue
        found += [FoundExample(e.source, e.want) for e in examples if parse_source(e.source) is not None]
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


def _asserts(prompt: str) -> list[FoundExample]:
    lines = (line.strip().strip("`").strip() for line in prompt.splitlines())
    candidates = [line for line in lines if line.startswith("assert ")]
    return [
        FoundExample(line, None) for line in candidates if parse_source(line) is not None and free_names(line)
    ]


_COMPLAINS = re.compile(
    r"\bbugs?\b|\bbroken\b|\b(?:currently|actually)\b|\binstead\s+of\s+[\d'\"\[({TFN-]|\bwrongly\b"
    r"|\bbut\s+(?:it\s+|that\s+|this\s+)?(?:should|returns?|gives?|must)\b",
    re.I,
)
"""A text that says what code does wrongly states no examples that can be told apart from its complaints."""
_LONGEST = 2000
"""Characters of one call, or of one value."""
_MOST = 500
"""Places of a prompt that are looked at."""
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
_OUT = rf"(?:(?:the{_B})?(?:expected{_B})?(?:output|result|answer|function){_S})?"
_MARKS = r"[`*]{0,2}"
_GIVES = re.compile(
    rf"{_MARKS}{_S}[,;]?{_S}(?:(?:\#|//){_S})?(?:{_ARROW}|={{1,3}}|:|{_VERB}){_S}:?{_S}{_MARKS}{_S}", re.I
)
_GIVES_BARE = re.compile(
    rf"{_MARKS}{_S}[,;.]?{_S}(?:{_ARROW}|(?:then{_B})?{_OUT}{_VERB}){_S}:?{_S}{_MARKS}{_S}", re.I
)
_WHICH = rf"(?:(?:sample|example|expected){_B})?"
_INPUT = re.compile(rf"^[ \t*>#-]{{0,20}}{_WHICH}inputs?{_S}\d{{0,3}}{_S}[:=]{_S}", re.I | re.M)
_OUTPUT = re.compile(rf"[`*.]{{0,2}}{_S},?{_S}{_WHICH}outputs?{_S}\d{{0,3}}{_S}[:=]{_S}{_MARKS}", re.I)
_FOR = re.compile(
    rf"(?:^[ \t*>#-]{{0,20}}(?:\d{{1,3}}[.)]{_B})?"
    rf"|\b(?:for|given|with|if|when){_B}(?:example,?{_B})?(?:the{_B})?(?:input{_B})?)",
    re.I | re.M,
)
_NAMED = re.compile(rf"{_S}([A-Za-z_]\w*){_S}=(?!=){_S}")
_COMMA = re.compile(rf"{_S}(?:,{_S}(?:and{_B})?|\band{_B})")
_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)|True\b|False\b|None\b")
_ENDS = re.compile(r"[`*'\"]{0,2}\s*(?:$|[.,;:!)](?:\s|$|[)\"'`*])|[)\]]|#|//|\(|\n|[A-Za-z])")
_OPENING, _CLOSING = "([{", ")]}"


def stated_examples(prompt: str, names: Sequence[str]) -> Iterator[str]:
    """Assertions that a prompt states in words about the functions of these names, in order."""
    if _COMPLAINS.search(prompt):
        return
    text = "\n".join(line for line in prompt.splitlines() if not line.lstrip().startswith((">>>", "assert ")))
    found = [*_calls(text, names), *_unnamed(text, names)] if names else []
    yield from dict.fromkeys(source for _, source in sorted(found))


def _calls(text: str, names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """`f(2) => 4`."""
    called = "|".join(map(re.escape, names))
    for match in islice(re.finditer(rf"(?<![\w.])(?<!def )(?:{called})\s*(?=\()", text), _MOST):
        end = _balanced(text, match.end())
        gives = _GIVES.match(text, end) if end else None
        value = _value(text, gives.end()) if gives else None
        source = text[match.start() : end]
        if value and _is_call_of_literals(source):
            yield match.start(), f"assert {_one_line(source)} == {value[0]}"


def _unnamed(text: str, names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Arguments without the function: "Input: 2 Output: 4", "for x = 2 the output should be 4"."""
    name = names[-1]
    parameters = _parameters(text, name)
    starts = [(match.end(), _OUTPUT) for match in islice(_INPUT.finditer(text), _MOST)]
    starts += (
        [(match.end(), _GIVES_BARE) for match in islice(_FOR.finditer(text), _MOST)] if parameters else []
    )
    for start, gives in starts:
        arguments, end = _arguments(text, start, parameters)
        match = gives.match(text, end) if arguments else None
        value = _value(text, match.end()) if match else None
        if value and (not parameters or len(arguments) == len(parameters)):
            yield start, f"assert {name}({', '.join(arguments)}) == {value[0]}"


def _arguments(text: str, at: int, parameters: Sequence[str]) -> tuple[list[str], int]:
    """Literals with commas between, each with its parameter's name or none; and where they end."""
    found: list[str] = []
    while True:
        if named := _NAMED.match(text, at):
            if parameters and named[1] != (parameters[len(found)] if len(found) < len(parameters) else None):
                return [], at
            at = named.end()
        literal = _literal(text, at)
        if literal is None:
            return [], at
        source, at = literal
        found.append(source)
        comma = _COMMA.match(text, at)
        if comma is None or _literal(text, (_NAMED.match(text, comma.end()) or comma).end()) is None:
            return found, at
        at = comma.end()


def _value(text: str, at: int) -> tuple[str, int] | None:
    """A literal that nothing goes on with: in `f(2) == 4 + x` there is none."""
    literal = _literal(text, at)
    return literal if literal is not None and _ENDS.match(text, literal[1]) else None


def _literal(text: str, at: int) -> tuple[str, int] | None:
    """The literal that begins here, on one line, and its end."""
    while text[at : at + 1] in (" ", "`"):
        at += 1
    if text[at : at + 1] in ("[", "(", "{", "'", '"'):
        end = _balanced(text, at)
    else:
        plain = _PLAIN.match(text, at)
        end = plain.end() if plain else None
    source = _one_line(text[at:end]) if end else ""
    return (source, end) if end and _is_literal(source) else None


def _balanced(text: str, at: int) -> int | None:
    """Where the bracket or quote that opens here is closed."""
    depth, i = 0, at
    while i < min(len(text), at + _LONGEST):
        character = text[i]
        if character in "'\"":
            closed = re.compile(rf"{character}(?:\\.|[^\\{character}\n])*{character}").match(text, i)
            if closed is None:
                return None
            i = closed.end() - 1
        depth += (character in _OPENING) - (character in _CLOSING)
        i += 1
        if depth <= 0:
            return i
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


def _parameters(text: str, name: str) -> list[str]:
    """The parameters of the function that the prompt begins; empty where it doesn't."""
    match = re.search(
        rf"^[ \t]*(def\s+{re.escape(name)}\s*\(.{{0,2000}}?\)\s*(?:->[^:\n]+)?:)", text, re.M | re.S
    )
    tree = parse_source(match[1] + " pass") if match else None
    function = tree.body[0] if tree else None
    return [one.arg for one in function.args.args] if isinstance(function, ast.FunctionDef) else []


def _one_line(source: str) -> str:
    return " ".join(source.split("\n"))
