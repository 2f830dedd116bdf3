"""Where a request differs from the nearest one that was recorded."""

from collections.abc import Collection

from coder.models.recording import Request

AROUND = 40
"""Characters shown of either side, from where they part."""


def difference(request: Request, recorded: Collection[Request]) -> str:
    """A sentence on where `request` leaves the nearest of `recorded`, of which there is one at least."""
    nearest = max(
        recorded, key=lambda other: (_agreement(request, other), request.sampling == other.sampling)
    )
    for number, (ours, theirs) in enumerate(zip(request.messages, nearest.messages, strict=False), start=1):
        if ours.role != theirs.role:
            return f"Message {number} is of the {ours.role}; recorded: of the {theirs.role}."
        if ours.content != theirs.content:
            at = _shared(ours.content, theirs.content)
            return (
                f"Message {number} ({ours.role}) differs at character {at}: "
                f"{ours.content[at : at + AROUND]!r}; recorded: {theirs.content[at : at + AROUND]!r}."
            )
    if len(request.messages) != len(nearest.messages):
        return f"It has {len(request.messages)} messages; recorded: {len(nearest.messages)}."
    changed = [
        f"{name} is {ours!r}; recorded: {theirs!r}"
        for (name, ours), (_, theirs) in zip(request.sampling, nearest.sampling, strict=True)
        if ours != theirs
    ]
    return f"The sampling differs: {', '.join(changed)}."


def _agreement(one: Request, other: Request) -> int:
    """Characters from the beginning on which both say the same."""
    agreed = 0
    for ours, theirs in zip(one.messages, other.messages, strict=False):
        if ours == theirs:
            agreed += len(ours.content) + 1
            continue
        return agreed + _shared(ours.content, theirs.content)
    return agreed


def _shared(one: str, other: str) -> int:
    """Length of the common beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (ours, theirs) in pairs if ours != theirs), min(len(one), len(other)))
