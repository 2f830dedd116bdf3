"""The digest of the judge is of every file that a verdict hangs on."""

from pathlib import Path

import benchmarks
import sandbox
from benchmarks.judge.digest import deciding_files, judge_digest


def test_the_digest_is_of_the_judge_and_of_all_that_decides_in_sandboxes() -> None:
    judge, box = Path(benchmarks.__path__[0]) / "judge", Path(sandbox.__path__[0])
    deciding = {
        judge / "judge.py", judge / "reporter.txt", box / "verdicts" / "trial.py",
        box / "verdicts" / "relay.py",
        box / "inner" / "checker" / "checker.py", box / "inner" / "bridge" / "guard.py", box / "policy.py",
        box / "host" / "limits.py",
    }  # fmt: skip

    assert deciding <= set(deciding_files())
    assert len(judge_digest()) == 64
