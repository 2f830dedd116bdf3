"""Chooser: compares what all candidates do, and repeats the best one, so that it is the run's answer."""

import ast
from dataclasses import replace

from coder.run.attempts import CHOOSER, agreed, drawn, tried
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.sampling.compare import behaviours, comparison_of
from coder.sampling.outline import missing_function
from coder.sampling.select import Candidate, Choice, choose
from coder.source.python_names import free_names, parse_source
from coder.turn import Turn


class Chooser:
    """Asks no model: candidates with the same behaviour on the same inputs are votes for one another."""

    name = CHOOSER

    async def speak(self, turn: Turn) -> Message:
        """Choose among all that was answered and tried."""
        pairs = tried(turn.state)
        codes = [code for code, _ in pairs]
        if samples := agreed(turn.state):
            first = next(code for code in codes if code.sample == samples[0])
            return _again(first, f"{len(samples)} of {drawn(turn.state)} candidates pass and do the same.")
        candidates = [
            Candidate(
                passed=outcome.passed,
                checks=sum(line.passed for line in outcome.checks),
                sane=is_sane_answer(turn.state, code),
                votes=1 + _repeats(turn.state, code),
            )
            for code, outcome in pairs
        ]
        if comparison := comparison_of(turn.state, codes):
            found = await behaviours(turn, comparison)
            candidates = [replace(one, behaviour=given) for one, given in zip(candidates, found, strict=True)]
        choice = choose(candidates)
        return _again(codes[choice.index], _said(choice, candidates))


def _again(code: Message, text: str) -> Message:
    return Message(
        author=CHOOSER,
        kind="code",
        sample=code.sample,
        attempt=code.attempt,
        text=text,
        files=code.files,
        test_edits=code.test_edits,
        left_out=code.left_out,
    )


def _repeats(state: State, code: Message) -> int:
    """How often the same answer came again."""
    return sum(other.repeats and other.files == code.files for other in state.codes)


def _said(choice: Choice, candidates: list[Candidate]) -> str:
    sizes = [sum(candidates[i].votes for i in members) for members in choice.clusters]
    passed, count = sum(one.votes for one in candidates if one.passed), sum(one.votes for one in candidates)
    return f"{passed} of {count} candidates pass. By what the best do: {sizes}."


def is_sane_answer(state: State, code: Message) -> bool:
    """Whether it could be what was asked for; only code of one function can be judged by reading."""
    target = find_target(state.task, state.files)
    name = missing_function(state.task.prompt, target.names)
    source = code.files.get(target.path)
    single = set(code.files) == {target.path} and not state.files
    return name is None or source is None or not single or is_sane(source, name)


def is_sane(source: str, name: str) -> bool:
    """Whether it parses, uses no undefined name, and defines the function `name` with an effect."""
    tree = parse_source(source)
    if tree is None or free_names(source):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and _gives(node)
        for node in tree.body
    )


def _gives(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether some path of it returns or yields a value, or it changes an argument."""
    own = {argument.arg for argument in function.args.args}
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
            return True
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Subscript | ast.Attribute) and _is_store_into(node, own):
            return True
    return False


def _is_store_into(node: ast.Subscript | ast.Attribute, names: set[str]) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id in names


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
