"""Make cases from rows of MultiPL-E: prompts and tests of HumanEval and MBPP in other languages.

Cassano et al. 2023, "MultiPL-E: A Scalable and Polyglot Approach to Benchmarking Neural Code Generation". As
in https://github.com/nuprl/MultiPL-E, `evaluation/src`, prompt, completion and tests are one program, whose
exit status decides.
"""

from dataclasses import dataclass, field

from benchmarks.suite import RepositoryCase
from benchmarks.suites.records import Record, make
from coder.base.errors import UsageError

FIELDS = frozenset({"name", "language", "prompt", "tests", "stop_tokens"})
"""Fields that identify a row's format."""
TIMEOUT_S = 30.0
_PROMPT = "Complete the function in `{path}`. Keep what is there, and add no tests.\n\n```\n{text}\n```"
_GO = {"GOCACHE": "/tmp/go-cache", "GOPATH": "/tmp/go"}


@dataclass(frozen=True, slots=True)
class _Language:
    """Settings to run a program of a language."""

    suffix: str
    command: str
    """Shell command that runs `program` with the suffix."""
    manifests: dict[str, str] = field(default_factory=dict)
    """Manifest files that the toolchain needs, by name."""
    environment: dict[str, str] = field(default_factory=dict)


_CARGO = '[package]\nname = "solution"\nversion = "0.1.0"\nedition = "2021"\n'
_LANGUAGES = {
    "js": _Language(".js", "node program.js", {"package.json": '{"private": true}\n'}),
    "go_test.go": _Language(
        "_test.go", "go test program_test.go", {"go.mod": "module solution\n\ngo 1.18\n"}, _GO
    ),
    "cpp": _Language(".cpp", "g++ -std=c++17 -o program program.cpp && ./program"),
    "rs": _Language(".rs", "rustc --edition 2021 -o program program.rs && ./program", {"Cargo.toml": _CARGO}),
    "sh": _Language(".sh", "bash program.sh"),
    "lua": _Language(".lua", "lua program.lua"),
}


def multipl_e_case(record: Record, where: str) -> RepositoryCase:
    """Make the case of one row, with an id such as `js/HumanEval_0_has_close_elements`. Raises UsageError."""
    language, name, prompt, tests = (record[key] for key in ("language", "name", "prompt", "tests"))
    if not (isinstance(prompt, str) and isinstance(tests, str)):
        raise UsageError(f"{where}: prompt and tests have to be strings.")
    if not isinstance(language, str) or language not in _LANGUAGES:
        raise UsageError(f"{where}: programs in {language!r} can't be judged, only {', '.join(_LANGUAGES)}.")
    how = _LANGUAGES[language]
    path, hidden_path = f"solution{how.suffix}", f"tests{how.suffix}"
    return make(
        RepositoryCase,
        where,
        id=f"{language}/{name}",
        prompt=_PROMPT.format(path=path, text=prompt.rstrip()),
        timeout_s=TIMEOUT_S,
        memory_mb=2048,
        files={path: prompt.encode(), **{file: text.encode() for file, text in how.manifests.items()}},
        hidden_tests={hidden_path: tests},
        may_change=[path],
        completes=path,
        runner="status",
        test_commands=[f"cat {path} {hidden_path} > program{how.suffix} && {how.command}"],
        environment=how.environment,
    )
