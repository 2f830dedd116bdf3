"""`starter`: thirty cases of our own, shipped and offline: functions in three grades, scripts, repositories.

Prompts and tests were written for this suite. Its ids say the grade: `easy/…`, `medium/…`, `hard/…`,
`script/…`, `repository/…`.
"""

from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.load import read_cases

FILES = ("easy.yaml", "medium.yaml", "hard.yaml", "scripts.yaml", "repositories.yaml")


def starter() -> Suite:
    """Thirty cases of our own, offline: functions in three grades, scripts, repositories."""
    folder = Path(__file__).parent
    cases = [case for file in FILES for case in read_cases(folder / file)]
    return Suite(name="starter", version="1", cases=tuple(cases))
