"""Make cases from records of LiveCodeBench: programs that read stdin, and methods of a class `Solution`.

Jain et al. 2024, "LiveCodeBench: Holistic and Contamination Free Evaluation of Large Language Models for
Code"; format and comparisons as in https://github.com/LiveCodeBench/LiveCodeBench,
`lcb_runner/evaluation/testing_util.py`. Private tests are JSON, or JSON in a pickled string,
compressed and in Base64. No pickle is executed here: only its instructions for one string are read.
"""

import base64
import binascii
import json
import pickletools
import zlib
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from benchmarks.suite import FunctionCase, ScriptCase, ScriptRun
from benchmarks.suites.records import Record, list_errors, make, parse_json
from coder.base.errors import UsageError
from sandbox.result import Value

FIELDS = frozenset({"question_content", "question_id", "public_test_cases", "private_test_cases"})
"""Fields that identify a record's format."""
TIMEOUT_S = 6.0
"""CPU seconds of each test, as in LiveCodeBench."""
_MOST_S = 120.0
"""CPU seconds of all tests of a method, which run in one process."""
MAX_TESTS = 256 << 20
"""Maximum size in bytes of a record's unpacked private tests."""
_STRING_CODES = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_OTHER_CODES = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})
_SPREAD = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json"),
)
_HEADER = "\n".join(
    [
        *(f"from {name} import *" for name in (*_SPREAD, "builtins", "typing")),
        *(f"import {name}" for name in _SPREAD),
        "sys.setrecursionlimit(50000)",
    ]
)
"""Code that LiveCodeBench puts before each answer."""
_SCRIPT = "\n\nWrite a program in Python that reads the input from stdin and writes the answer to stdout."
_METHOD = "\n\nComplete this class in Python:\n\n```python\n{}\n```"


class _Test(Value):
    input: str
    output: str
    testtype: Literal["stdin", "functional"]


_TESTS = TypeAdapter(tuple[_Test, ...])


def livecodebench_case(record: Record, where: str) -> FunctionCase | ScriptCase:
    """Make the case of one record. Raises UsageError if the record is invalid."""
    public_tests = _read_tests(_json(record, "public_test_cases", where), where)
    tests = public_tests + _read_tests(_private_tests(record, where), where)
    if len({test.testtype for test in tests}) != 1:
        raise UsageError(f"{where}: the tests of a case have to be all of stdin, or all functional.")
    content, difficulty = record.get("question_content"), record.get("difficulty")
    fields = {"id": record.get("question_id"), "difficulty": difficulty, "header": _HEADER}
    if not isinstance(content, str):
        raise UsageError(f"{where}: question_content has to be a string.")
    if tests[0].testtype == "stdin":
        runs = [ScriptRun(stdin=test.input, stdout=test.output) for test in tests]
        return make(
            ScriptCase,
            where,
            **fields,
            prompt=content + _SCRIPT,
            timeout_s=TIMEOUT_S,
            runs=runs,
            visible=runs[: len(public_tests)],
            compare="numbers",
        )
    name = _method_name(record, where)
    calls = [_call(test, name, where) for test in tests]
    lines = "\n".join(f"    assert _plain(method({arguments})) == {output}" for arguments, output in calls)
    return make(
        FunctionCase,
        where,
        **fields,
        prompt=content + _METHOD.format(str(record.get("starter_code") or "class Solution:").strip()),
        entry_point="Solution",
        test=f"{_PLAIN}\n\ndef check(candidate):\n    method = candidate().{name}\n{lines}\n",
        timeout_s=min(TIMEOUT_S * len(tests), _MOST_S),
        visible=[
            f"assert Solution().{name}({call}) == {output}" for call, output in calls[: len(public_tests)]
        ],
        stateful=True,  # one object takes all calls
    )


_PLAIN = "def _plain(value):\n    return list(value) if isinstance(value, tuple) else value\n"
"""Source of a helper: a tuple counts as the list of its items."""


def _call(test: _Test, name: str, where: str) -> tuple[str, str]:
    """Return the arguments of a test's call, from the lines of its input, and its value, as Python source."""
    try:
        arguments = [json.loads(line) for line in test.input.split("\n")]
        return ", ".join(map(repr, arguments)), repr(json.loads(test.output))
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{where}: a test of {name} isn't JSON: {cause}.") from cause


def _method_name(record: Record, where: str) -> str:
    metadata = _json(record, "metadata", where)
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"{where}: metadata names no method (func_name).")
    return name


def _json(record: Record, field: str, where: str) -> object:
    """Return the value of a field, which may be JSON in a string."""
    value = record.get(field)
    return parse_json(value.encode(), f"{where}, {field}") if isinstance(value, str) else value


def _read_tests(value: object, where: str) -> tuple[_Test, ...]:
    try:
        return _TESTS.validate_python(value)
    except ValidationError as cause:
        raise UsageError(f"{where}: tests: {list_errors(cause)}") from cause


def _private_tests(record: Record, where: str) -> object:
    """Return the private tests, which are packed in most records."""
    field = "private_test_cases"
    value = record.get(field)
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return _json(record, field, where)
    try:
        unpacker = zlib.decompressobj()
        pickled = unpacker.decompress(base64.b64decode(value, validate=True), MAX_TESTS)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise UsageError(f"{where}: {field} is cut off, or larger than {MAX_TESTS >> 20} MiB.")
        return parse_json(_pickled_string(pickled).encode(), f"{where}, {field}")
    except (binascii.Error, zlib.error, ValueError) as cause:
        raise UsageError(f"{where}: {field} can't be unpacked: {cause}.") from cause


def _pickled_string(data: bytes) -> str:
    """Return the string in a pickle. Raises ValueError if the pickle contains anything else."""
    texts = []
    for code, argument, _ in pickletools.genops(data):
        if code.name in _STRING_CODES:
            texts.append(argument)
        elif code.name not in _OTHER_CODES:
            raise ValueError(f"its pickle holds more than a string ({code.name})")
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise ValueError("its pickle doesn't hold one string")
    return texts[0]
