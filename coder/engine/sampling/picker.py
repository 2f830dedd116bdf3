"""Picker: chooses one of several attempts, by verdict and evidence first, then by behaviour.

Among attempts with equal verdicts, the largest group with equal behaviour on the inputs wins, as in Chen
et al. 2022, "CodeT", and Li et al. 2022, "AlphaCode"; among equal groups, the one that agrees with the
others on the most inputs (Shi et al. 2022, MBR-EXEC). If nothing can be compared, the smallest change
wins, then the earliest.
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
"""Number of passing attempts with equal behaviour after which no more are made."""


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """The chosen candidate, and the groups of equal behaviour among the best; the candidate's group is
    first.
    """

    candidate: RankedCandidate
    groups: tuple[tuple[RankedCandidate, ...], ...]


async def pick(turn: Turn, candidates: Sequence[RankedCandidate]) -> tuple[RankedCandidate, str]:
    """Choose among at least one candidate, and return it with the reason."""
    distinct = merge_repeats(turn.state, candidates)
    if len(distinct) == 1:
        return distinct[0], "it is the only change"
    from coder.engine.sampling.compare import (
        behaviours,
        comparison_of,
    )  # imported late: few runs have several changes

    best = min(candidate.rank for candidate in distinct)
    if comparison := comparison_of(turn.state, [candidate.code for candidate in distinct]):
        results = await behaviours(turn, comparison)
        distinct = [replace(one, behaviour=shared) for one, shared in zip(distinct, results, strict=True)]
    choice = choose(distinct)
    votes, passing_count = (
        sum(one.votes for one in many) for many in (distinct, [one for one in distinct if one.outcome.passed])
    )
    sizes = [sum(one.votes for one in group) for group in choice.groups]
    text = f"{passing_count} of {count_of(votes, 'attempt')} pass"
    if any(one.behaviour for one in distinct) and max(sizes) > 1:
        text = f"{text}; {sizes[0]} of the best {sum(sizes)} behave like this one"
    elif sum(one.rank == best for one in distinct) > 1:
        text = f"{text}; this one changes {count_of(choice.candidate.lines, 'line')}"
    return choice.candidate, text


async def find_agreement(turn: Turn, candidates: Sequence[RankedCandidate]) -> RankedCandidate | None:
    """Return the first of at least `ENOUGH` passing attempts with equal behaviour, else None."""
    passing = [
        candidate
        for candidate in candidates
        if candidate.outcome.passed and candidate.outcome.verified in ("checks", "examples")
    ]
    passing = [candidate for candidate in merge_repeats(turn.state, passing) if candidate.sane]
    if len(passing) < ENOUGH:
        return None
    from coder.engine.sampling.compare import behaviours, comparison_of, largest_group

    comparison = comparison_of(turn.state, [candidate.code for candidate in passing])
    group = largest_group(await behaviours(turn, comparison)) if comparison is not None else ()
    return passing[group[0]] if len(group) >= ENOUGH else None


def merge_repeats(state: State, candidates: Sequence[RankedCandidate]) -> list[RankedCandidate]:
    """Return the candidates in order; those with equal code become one with the sum of their votes."""
    by_code: dict[tuple[object, ...], RankedCandidate] = {}
    for candidate in candidates:
        key = (
            tuple(sorted(candidate.code.changes.files.items())),
            tuple(sorted(candidate.code.changes.test_edits.items())),
        )
        earlier = by_code.get(key)
        is_sane_code = is_sane_answer(state, candidate.code)
        by_code[key] = (
            replace(earlier, votes=earlier.votes + candidate.votes)
            if earlier
            else replace(candidate, sane=is_sane_code)
        )
    return list(by_code.values())


def choose(candidates: Sequence[RankedCandidate]) -> CandidateChoice:
    """Return the best of the candidates, of which there is at least one."""
    best = min(candidate.rank for candidate in candidates)
    remaining = sorted((one for one in candidates if one.rank == best), key=lambda one: one.attempt)
    groups: dict[tuple[object, ...], list[RankedCandidate]] = {}
    for candidate in remaining:
        groups.setdefault(candidate.behaviour or (candidate.attempt,), []).append(candidate)

    def weight(group: list[RankedCandidate]) -> tuple[object, ...]:
        representative = group[0]
        returned = [
            value for value in representative.behaviour if not value.startswith(FAILED) and value != "None"
        ]
        votes = sum(one.votes for one in group)
        # Answers that always fail, or return one constant, form groups without being right.
        is_telling = bool(returned), len(set(returned)) > 1
        agreement = _agreement(representative, remaining)
        return *is_telling, votes, len(returned), agreement, -representative.lines, -representative.attempt

    ordered = sorted(groups.values(), key=weight, reverse=True)
    return CandidateChoice(ordered[0][0], tuple(map(tuple, ordered)))


def _agreement(candidate: RankedCandidate, others: Sequence[RankedCandidate]) -> int:
    """Return how often the others return what this candidate returns, input by input."""
    count = 0
    for other in others:
        value_pairs = zip(candidate.behaviour, other.behaviour, strict=False)
        count += other.votes * sum(
            value == other_value and not value.startswith(FAILED) for value, other_value in value_pairs
        )
    return count


def is_sane_answer(state: State, code: CodeMessage) -> bool:
    """Return whether code could be what was asked for; only code of one function can be judged by reading."""
    from coder.engine.sampling.outline import missing_function

    target = state.target
    name = missing_function(state.task.prompt, target.names)
    source = code.changes.files.get(target.path)
    is_single_file = set(code.changes.files) == {target.path} and not state.files
    return name is None or source is None or not is_single_file or is_sane(source, name)


def is_sane(source: str, name: str) -> bool:
    """Return whether a source parses, uses no undefined name, and defines the function `name` with an
    effect.
    """
    tree = parse_source(source)
    if tree is None or free_names(source):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and _has_effect(node)
        for node in tree.body
    )


def _has_effect(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function returns or yields a value on some path, or changes an argument."""
    parameters = {argument.arg for argument in function.args.args}
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
            return True
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id in parameters:
                return True
    return False
