"""Chooser: compares what all candidates do, and repeats the best one, so that it is the run's answer.

Given checks filter, then the largest cluster of one behaviour wins, as in Chen et al. 2022, "CodeT", and Li
et al. 2022, "AlphaCode"; of equal ones the one that agrees with most others by input, then the earliest.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coder.run.attempts import CHOOSER, agreed, drawn, tried
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import target_of
from coder.sampling.compare import FAILED, behaviours, comparison_of
from coder.sampling.outline import missing_function
from coder.source.python_names import free_names, parse_source
from coder.turn.turn import Turn


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, with what is known of it."""

    passed: bool
    """All checks or examples of the task."""
    checks: int
    """How many of those it passed."""
    sane: bool = True
    """By reading, it could be what was asked for."""
    votes: int = 1
    """How often this very answer was given."""
    behaviour: tuple[str, ...] = ()
    """What it returns for each input; empty where that is unknown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen candidate, and the clusters that it was chosen among."""

    index: int
    clusters: tuple[tuple[int, ...], ...]
    """Candidates with the same behaviour, of those that passed the filter; the chosen one's first."""


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
                votes=1 + sum(other.repeats and other.files == code.files for other in turn.state.codes),
            )
            for code, outcome in pairs
        ]
        if comparison := comparison_of(turn.state, codes):
            found = await behaviours(turn, comparison)
            candidates = [replace(one, behaviour=given) for one, given in zip(candidates, found, strict=True)]
        choice = choose(candidates)
        votes = [one.votes for one in candidates]
        passed = sum(one.votes for one in candidates if one.passed)
        sizes = [sum(votes[i] for i in members) for members in choice.clusters]
        said = f"{passed} of {sum(votes)} candidates pass. By what the best do: {sizes}."
        return _again(codes[choice.index], said)


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


def is_sane_answer(state: State, code: Message) -> bool:
    """Whether it could be what was asked for; only code of one function can be judged by reading."""
    target = target_of(state)
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
        if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
            return True
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            holder = node.value
            if isinstance(holder, ast.Name) and holder.id in own:
                return True
    return False


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The candidate to take, of at least one."""
    best = max(map(_rank, candidates))
    left = [i for i, one in enumerate(candidates) if _rank(one) == best]
    clusters: dict[tuple[str, ...], list[int]] = {}
    for i in left:
        clusters.setdefault(candidates[i].behaviour or (str(i),), []).append(i)

    def weight(members: list[int]) -> tuple[bool, bool, int, int, int, int]:
        first = candidates[members[0]]
        gives = [given for given in first.behaviour if not given.startswith(FAILED) and given != "None"]
        votes = sum(candidates[i].votes for i in members)
        agreement = _agreement(first, [candidates[i] for i in left])
        # Answers that always fail, or return one constant, form clusters without being right.
        return bool(gives), len(set(gives)) > 1, votes, len(gives), agreement, -members[0]

    ordered = sorted(clusters.values(), key=weight, reverse=True)
    return Choice(ordered[0][0], tuple(map(tuple, ordered)))


def _rank(one: Candidate) -> tuple[bool, int, bool]:
    return one.passed, one.checks, one.sane


def _agreement(one: Candidate, every: Sequence[Candidate]) -> int:
    """How often all of them return what this one returns, input by input (Shi et al. 2022, MBR-EXEC)."""
    found = 0
    for other in every:
        both = zip(one.behaviour, other.behaviour, strict=False)
        found += other.votes * sum(a == b and not a.startswith(FAILED) for a, b in both)
    return found
