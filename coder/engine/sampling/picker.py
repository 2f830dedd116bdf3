"""Picker: chooses one of several attempts, by verdict and evidence first, then by behaviour.

Among attempts with the same verdict, the largest group with one behaviour on the same inputs wins, as in Chen
et al. 2022, "CodeT", and Li et al. 2022, "AlphaCode"; of equal groups the one that agrees with most others by
input (Shi et al. 2022, MBR-EXEC). Where nothing can be compared, the smallest change wins, then the earliest.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coder.base.text.sanitize import count_of
from coder.engine.sampling.candidate import FAILED, RankedCandidate
from coder.engine.turn.turn import Turn
from coder.run.message import CodeMessage
from coder.run.state import State
from coder.source.python_names import free_names, parse_source

ENOUGH = 3
"""Attempts that pass and behave the same, after which further ones would hardly change the choice."""


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """The chosen candidate, and groups of equal behaviour among the best, its own first."""

    candidate: RankedCandidate
    groups: tuple[tuple[RankedCandidate, ...], ...]


async def pick(turn: Turn, candidates: Sequence[RankedCandidate]) -> tuple[RankedCandidate, str]:
    """Choose among at least one candidate, and say why."""
    merged = merge_repeats(turn.state, candidates)
    if len(merged) == 1:
        return merged[0], "it is the only change"
    from coder.engine.sampling.compare import behaviours, comparison_of  # few runs have several changes

    best = min(candidate.rank for candidate in merged)
    if comparison := comparison_of(turn.state, [candidate.code for candidate in merged]):
        results = await behaviours(turn, comparison)
        merged = [replace(one, behaviour=shared) for one, shared in zip(merged, results, strict=True)]
    choice = choose(merged)
    votes, passed = (
        sum(one.votes for one in many) for many in (merged, [m for m in merged if m.outcome.passed])
    )
    sizes = [sum(one.votes for one in group) for group in choice.groups]
    text = f"{passed} of {count_of(votes, 'attempt')} pass"
    if any(one.behaviour for one in merged) and max(sizes) > 1:
        text = f"{text}; {sizes[0]} of the best {sum(sizes)} behave like this one"
    elif sum(one.rank == best for one in merged) > 1:
        text = f"{text}; this one changes {count_of(choice.candidate.lines, 'line')}"
    return choice.candidate, text


async def find_agreement(turn: Turn, candidates: Sequence[RankedCandidate]) -> RankedCandidate | None:
    """The first of the attempts that pass what was given and behave the same, once there are enough."""
    passed = [
        one for one in candidates if one.outcome.passed and one.outcome.verified in ("checks", "examples")
    ]
    passed = [one for one in merge_repeats(turn.state, passed) if one.sane]
    if len(passed) < ENOUGH:
        return None
    from coder.engine.sampling.compare import behaviours, comparison_of, largest_group

    comparison = comparison_of(turn.state, [one.code for one in passed])
    group = largest_group(await behaviours(turn, comparison)) if comparison is not None else ()
    return passed[group[0]] if len(group) >= ENOUGH else None


def merge_repeats(state: State, candidates: Sequence[RankedCandidate]) -> list[RankedCandidate]:
    """The candidates in order, those with the same code as one with as many votes."""
    merged: dict[tuple[object, ...], RankedCandidate] = {}
    for one in candidates:
        key = (
            tuple(sorted(one.code.changes.files.items())),
            tuple(sorted(one.code.changes.test_edits.items())),
        )
        first = merged.get(key)
        sane = is_sane_answer(state, one.code)
        merged[key] = replace(first, votes=first.votes + one.votes) if first else replace(one, sane=sane)
    return list(merged.values())


def choose(candidates: Sequence[RankedCandidate]) -> CandidateChoice:
    """The candidate to take, of at least one."""
    best = min(candidate.rank for candidate in candidates)
    remaining = sorted((one for one in candidates if one.rank == best), key=lambda one: one.attempt)
    groups: dict[tuple[object, ...], list[RankedCandidate]] = {}
    for candidate in remaining:
        groups.setdefault(candidate.behaviour or (candidate.attempt,), []).append(candidate)

    def weight(group: list[RankedCandidate]) -> tuple[object, ...]:
        first = group[0]
        returned = [value for value in first.behaviour if not value.startswith(FAILED) and value != "None"]
        votes = sum(one.votes for one in group)
        # Answers that always fail, or return one constant, form groups without being right.
        is_telling = bool(returned), len(set(returned)) > 1
        agreement = _agreement(first, remaining)
        return *is_telling, votes, len(returned), agreement, -first.lines, -first.attempt

    ordered = sorted(groups.values(), key=weight, reverse=True)
    return CandidateChoice(ordered[0][0], tuple(map(tuple, ordered)))


def _agreement(one: RankedCandidate, every: Sequence[RankedCandidate]) -> int:
    """How often all of them return what this one returns, input by input."""
    count = 0
    for other in every:
        both = zip(one.behaviour, other.behaviour, strict=False)
        count += other.votes * sum(a == b and not a.startswith(FAILED) for a, b in both)
    return count


def is_sane_answer(state: State, code: CodeMessage) -> bool:
    """Whether it could be what was asked for; only code of one function can be judged by reading."""
    from coder.engine.sampling.outline import missing_function

    target = state.target
    name = missing_function(state.task.prompt, target.names)
    source = code.changes.files.get(target.path)
    single = set(code.changes.files) == {target.path} and not state.files
    return name is None or source is None or not single or is_sane(source, name)


def is_sane(source: str, name: str) -> bool:
    """Whether it parses, uses no undefined name, and defines the function `name` with an effect."""
    tree = parse_source(source)
    if tree is None or free_names(source):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and _has_effect(node)
        for node in tree.body
    )


def _has_effect(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
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
