"""Read the reward that a verifier left in its container."""

import json
import math

from benchmarks.harbor.container import HarborContainer
from sandbox.result import Value

FOLDER = "/logs/verifier"
_JSON, _TEXT, _OUTPUT = "reward.json", "reward.txt", "test-stdout.txt"
OUTPUT = f"{FOLDER}/{_OUTPUT}"
_MAX_BYTES = 1 << 20
MAIN = "reward"
"""Name of the deciding number, and of the only number in reward.txt."""


class Reward(Value):
    """Numbers of a verifier by name."""

    numbers: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether the main number is at least 1; without a main number, whether each number is."""
        deciding = [self.numbers[MAIN]] if MAIN in self.numbers else [*self.numbers.values()]
        return all(number >= 1 for number in deciding)

    def __str__(self) -> str:
        """Return the numbers with their names, in one line."""
        return ", ".join(f"{name} {number:g}" for name, number in self.numbers.items())


async def read_results(container: HarborContainer, *, max_output: int) -> tuple[Reward | None, bytes]:
    """Return the reward that a verifier left, and the end of its output.

    The reward is that of reward.json if there is one, else of reward.txt; None if that file isn't valid.
    """
    limits = {_JSON: _MAX_BYTES, _TEXT: _MAX_BYTES, _OUTPUT: max_output}
    files = await container.read_ends(FOLDER, limits)
    if _JSON in files:
        reward = parse_json(files[_JSON])
    else:
        reward = parse_text(files[_TEXT]) if _TEXT in files else None
    return reward, files.get(_OUTPUT, b"")


def parse_json(content: bytes) -> Reward | None:
    """Parse a JSON object of numbers; return None for anything else."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not values:
        return None
    if not all(_is_number(value) for value in values.values()):
        return None
    return Reward(numbers={name: float(value) for name, value in values.items()})


def parse_text(content: bytes) -> Reward | None:
    """Parse one number; return None for anything else."""
    try:
        number = float(content)
    except ValueError:
        return None
    return Reward(numbers={MAIN: number}) if math.isfinite(number) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e300 and value == value
