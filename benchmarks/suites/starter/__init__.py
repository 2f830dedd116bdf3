"""`starter`: thirty cases of our own, offline: functions in three grades, scripts, repositories."""

from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.load import read_cases

GRADES = {
    "easy.yaml": "easy",
    "medium.yaml": "medium",
    "hard.yaml": "hard",
    "scripts.yaml": None,
    "repositories.yaml": None,
}
"""The difficulty of the cases of each file."""


def starter() -> Suite:
    """Thirty cases of our own, offline: functions in three grades, scripts, repositories."""
    folder = Path(__file__).parent
    cases = [
        case.model_copy(update={"difficulty": grade})
        for file, grade in GRADES.items()
        for case in read_cases(folder / file)
    ]
    return Suite(name="starter", version="1", cases=tuple(cases))
