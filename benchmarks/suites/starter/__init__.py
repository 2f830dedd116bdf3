"""`starter`: thirty cases of our own, offline: functions in three grades, scripts, repositories."""

from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.load import read_cases

GRADES = ("easy", "medium", "hard")


def starter() -> Suite:
    """Thirty cases of our own, offline: functions in three grades, scripts, repositories."""
    cases = [
        case.model_copy(update={"difficulty": name if name in GRADES else None})
        for name in (*GRADES, "scripts", "repositories")
        for case in read_cases(Path(__file__).with_name(f"{name}.yaml"))
    ]
    return Suite(name="starter", version="1", cases=tuple(cases))
