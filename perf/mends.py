"""A toy repository mended in three calls of an instant model: by ours, by mini-swe-agent and by pi.

mini-swe-agent is a package of PyPI, in an environment of its own. pi is one of npm, in a folder of its own:

    npm install --prefix FOLDER @mariozechner/pi-coding-agent@0.73

and its program is FOLDER/node_modules/.bin/pi. Neither verifies or isolates anything. All run the test by an
interpreter that has pytest and nothing else, as most projects' own have few plugins.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perf.fix import CHECK, WRONG
from perf.wholes import Took, timed
from tests.faulty_endpoint import (
    FaultyEndpoint,
    Reply,
    calls,
    completion,
    faulty_endpoint,
    says,
    tool_call,
    whole,
)
from tests.git_repository import make_repository
from tests.only_pytest import only_pytest

_MEND = "sed -i 's/a - b/a + b/' calc.py"
_TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
_SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@dataclass(frozen=True, slots=True)
class Mended:
    """One whole process that has mended the repository."""

    took: Took
    first_s: float
    """Seconds from its start to its first request."""


def mended(*, pytest: bool) -> Mended:
    """Mend it by ours: a look that runs the test, the change, `done`."""
    test = _test(pytest=pytest)
    look = calls("bash", command=f"cat calc.py; {' '.join(test)}")
    script = [look, calls("bash", command=_MEND), calls("done", summary="It adds now.")]
    with faulty_endpoint(*script) as endpoint, tempfile.TemporaryDirectory() as folder:
        work = _repository(Path(folder), pytest=pytest)
        argv = [
            str(Path(sys.executable).with_name("coder")), "fix", "--path", str(work), "--strategy", "act",
            "--base-url", endpoint.url, "-m", "toy", "--price", "0,0", "--", *test,
        ]  # fmt: skip
        environ = {
            "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused",
            "VIRTUAL_ENV": str(only_pytest().parent.parent),
        }  # fmt: skip
        return _timed(argv, environ, endpoint, work)


def mini(program: str, *, pytest: bool) -> Mended:
    """Mend it by mini-swe-agent: the same commands, and the one that ends it."""
    test = " ".join(_test(pytest=pytest))
    commands = [f"cat calc.py; {test}", f"{_MEND} && {test}", _SUBMIT]
    with faulty_endpoint(*map(_whole_call, commands)) as endpoint, tempfile.TemporaryDirectory() as folder:
        work = _repository(Path(folder), pytest=pytest)
        environ = {
            "HOME": folder, "OPENAI_API_KEY": "unused", "OPENAI_API_BASE": endpoint.url,
            "MSWEA_COST_TRACKING": "ignore_errors", "MSWEA_CONFIGURED": "true",
            "MSWEA_GLOBAL_CONFIG_DIR": folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": _path(),
        }  # fmt: skip
        argv = [
            "env", "-C", str(work), program, "-y", "--exit-immediately", "-m", "openai/toy",
            "-t", "Mend add.", "-o", f"{folder}/trajectory",
        ]  # fmt: skip
        return _timed(argv, environ, endpoint, work)


def pi(program: str, *, pytest: bool) -> Mended:
    """Mend it by pi, which looks for no update: the same commands, and words that end it."""
    test = " ".join(_test(pytest=pytest))
    commands = [f"cat calc.py; {test}", f"{_MEND} && {test}"]
    script = [*(calls("bash", command=command) for command in commands), says("It adds now.")]
    with faulty_endpoint(*script) as endpoint, tempfile.TemporaryDirectory() as folder:
        work = _repository(Path(folder), pytest=pytest)
        provider: dict[str, object] = {
            "baseUrl": endpoint.url,
            "api": "openai-completions",
            "apiKey": "unused",
        }
        provider["models"] = [{"id": "toy"}]
        Path(folder, "models.json").write_text(json.dumps({"providers": {"scripted": provider}}))
        environ = {"HOME": folder, "PI_CODING_AGENT_DIR": folder, "PI_OFFLINE": "1", "PATH": _path()}
        argv = [
            "env", "-C", str(work), program, "--print", "--provider", "scripted", "--model", "toy",
            "Mend add.",
        ]  # fmt: skip
        return _timed(argv, environ, endpoint, work)


def _test(*, pytest: bool) -> list[str]:
    return ["python", "-m", "pytest", "-q"] if pytest else ["python", "check.py"]


def _path() -> str:
    return f"{only_pytest().parent}:{os.environ['PATH']}"


def _whole_call(command: str) -> Reply:
    document = completion(None)
    document["choices"][0]["message"]["tool_calls"] = [tool_call("bash", command=command)]
    return whole(document)


def _repository(folder: Path, *, pytest: bool) -> Path:
    files = {"test_calc__py": _TEST} if pytest else {"check__py": CHECK}
    make_repository(folder / "work", calc__py=WRONG, **files)
    return folder / "work"


def _timed(argv: Sequence[str], environ: Mapping[str, str], endpoint: FaultyEndpoint, work: Path) -> Mended:
    """Run a process to its end. Raises SystemExit: it has failed, or mended nothing."""
    request_times: list[float] = []

    def wait_for_request() -> None:
        endpoint.wait_until(lambda endpoint: bool(endpoint.requests))
        request_times.append(time.perf_counter())

    waiting = threading.Thread(target=wait_for_request, daemon=True)
    waiting.start()
    began = time.perf_counter()
    took = timed(argv, env={**os.environ, **environ})
    if len(endpoint.requests) != 3:
        raise SystemExit(f"expected 3 model calls, saw {len(endpoint.requests)}")
    if "a + b" not in (work / "calc.py").read_text():
        raise SystemExit("the change did not land")
    waiting.join()
    return Mended(took, request_times[0] - began)
