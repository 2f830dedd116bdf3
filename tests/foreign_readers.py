"""The readers of what others write, with an example for each and the errors that it may raise."""

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harbor.task import parse_task
from benchmarks.reports.read_report import read_report
from benchmarks.suites.load import read_suite
from benchmarks.suites.samples import read_samples
from coder.base.errors import CoderError, LogDamaged
from coder.base.json_rpc import parse_message
from coder.base.text.editor_config import charset_among
from coder.base.text.strict_toml import parse_toml
from coder.config.hooks import read_hook_file
from coder.config.mcp_files import read_servers
from coder.config.project_tests.find import find_test_commands
from coder.config.rule_files import read_permissions
from coder.config.skills import read_skill
from coder.config.strict_yaml import read_json, read_yaml
from coder.config.subagents import read_subagent
from coder.edits.read_answer import read_edits
from coder.models.model import ToolSpec
from coder.models.written_calls import read_written_calls
from coder.store.event_codec import event_of
from coder.verify.reports.failures import PrintedPlaces
from coder.verify.reports.readers import read_cargo, read_go, read_jest, read_junit, read_mocha, read_node
from coder.verify.reports.tap import read_tap
from sandbox.errors import FileRefused
from sandbox.files.image_archive import open_image
from sandbox.inner.bridge.codec import CodecError, decode, encode


@dataclass(frozen=True)
class Reader:
    """A reader of bytes."""

    read: Callable[[bytes], object]
    example: bytes
    errors: tuple[type[Exception], ...] = ()
    """What it may raise; any other error is a fault."""


def of_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes whose text is decoded as its callers do."""
    return lambda content: read(content.decode("utf-8", "replace"))


def of_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes by a file."""

    def read_bytes(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content)
            return read(path)

    return read_bytes


def of_project(name: str) -> Reader:
    """Return the reader that looks for the tests of a project, by one of its files."""
    texts = {"tests/test_a.py": "def test(): pass\n", "tox.ini": "[tox]\n", "package.json": "{}"}
    return Reader(
        of_text(lambda text: find_test_commands({**texts, name: text})), PROJECT_FILES[name].encode()
    )


def _image() -> bytes:
    manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "0" * 64, "size": 2}, "layers": []}
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"manifests": [{"digest": "sha256:" + "1" * 64, "size": 2}]}).encode(),
        f"blobs/sha256/{'1' * 64}": json.dumps(manifest).encode(),
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def _open_image(path: Path) -> None:
    with open_image(path):
        pass


def _event(content: bytes) -> object:
    row = ("run_a", 1, 0.0, "spoken", 1, content.decode("utf-8", "replace"), '[[["text"], "blob"]]')
    return event_of(row, lambda name: b"text", LogDamaged)


PROJECT_FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n[tool.hatch.envs.test.scripts]\n'
    'run = "pytest {args}"\n[tool.poe.tasks]\ntest = { cmd = "pytest -q" }\n',
    "tox.ini": "[tox]\nenvlist = py\n[testenv]\ndeps = pytest\ncommands =\n    pytest {posargs:tests}\n",
    "noxfile.py": "import nox\n@nox.session\ndef tests(session):\n    session.run('pytest', '-q')\n",
    "package.json": '{"scripts": {"test": "vitest run && echo ok", "lint": "eslint ."}, "workspaces": ["a"]}',
    "Makefile": "PY ?= python\ntest: lint\n\t@$(PY) -m pytest -q \\\n\t  tests\nlint:\n\truff check .\n",
    "justfile": "test *args:\n    cargo test {{args}}\n",
    ".github/workflows/ci.yml": "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n"
    "      - uses: actions/checkout@v4\n      - run: |\n          pip install -e .\n          pytest -q\n",
    "CONTRIBUTING.md": "# Tests\n\nRun `make test`, or:\n\n```sh\n$ pytest -q\n```\n",
    "setup.cfg": "[tool:pytest]\naddopts = -q\n[aliases]\ntest = pytest\n",
}
_PLACES = PrintedPlaces(["src/a.py", "tests/test_a.py"])
_TOOL = ToolSpec(
    name="bash",
    description="Run.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}, "n": {"type": "integer"}}},
)
_CALLS = (
    '<tool_call>\n{"name": "bash", "arguments": {"command": "ls", "n": 3}}\n</tool_call>\n'
    "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n"
)
_HOOKS = (
    '{"hooks": {"PreToolUse": [{"matcher": "Edit|Write", "hooks": [{"type": "command", "command": "a", '
    '"timeout": 3, "if": "Bash(git push:*)"}]}]}, "disableAllHooks": false, "permissions": {}}'
)
_JUNIT = (
    b'<?xml version="1.0"?><testsuites><testsuite name="a" tests="2"><testcase classname="tests.test_a" '
    b'name="test_b" file="tests/test_a.py" line="3"><failure message="assert 1 == 2">E  assert 1 &#61;= 2\n'
    b'tests/test_a.py:3: AssertionError</failure></testcase><testcase name="c"/></testsuite></testsuites>'
)
_JEST = (
    '{"numTotalTests": 1, "success": false, "testResults": [{"name": "/w/a.test.js", "status": "failed", '
    '"message": "x", "assertionResults": [{"ancestorTitles": ["a"], "title": "b", "fullName": "a b", '
    '"status": "failed", "failureMessages": ["Error: no\\n at a.js:3:1"], "location": {"line": 3}}]}]}'
)
_MOCHA = (
    'log\n{"stats": {"tests": 1}, "tests": [{"fullTitle": "a b", "file": "/w/a.js", "err": {}}], "passes": '
    '[{"fullTitle": "a b", "err": {}}], "failures": [{"fullTitle": "a c", "err": {"message": "no", '
    '"stack": "Error: no\\n at a.js:3:1", "actual": "1", "expected": "2"}}], "pending": []}'
)
_GO = (
    '{"Action":"run","Package":"shop","Test":"TestA"}\n{"Action":"output","Package":"shop","Test":"TestA",'
    '"Output":"    a_test.go:3: no\\n"}\n{"Action":"fail","Package":"shop","Test":"TestA"}\n'
    '{"Action":"fail","Package":"shop"}\n'
)
_CARGO = (
    "running 2 tests\ntest a::b ... FAILED\ntest a::c ... ok\n\nfailures:\n\n---- a::b stdout ----\n"
    "thread 'a::b' panicked at src/lib.rs:3:5:\nassertion failed\nstack backtrace:\n   0: x\n\n"
    "test result: FAILED. 1 passed; 1 failed; 0 ignored\n"
)
_TAP = "TAP version 13\n# group\nok 1 - a\nnot ok 2 - b # TODO later\n  ---\n  message: no\n  ...\n1..2\n"
_ANSWER = (
    "Words.\n\nsrc/a.py\n```python\n<<<<<<< SEARCH\na = 1\n=======\na = 2\n>>>>>>> REPLACE\n```\n"
    "```diff\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-a = 1\n+a = 2\n b\n```\n"
    "*** Begin Patch\n*** Update File: src/a.py\n@@\n-a\n+b\n*** End Patch\n"
)
_TASK = (
    'schema_version = "1.0"\n[task]\nname = "a/b"\n[agent]\ntimeout_sec = 60.0\n[verifier]\ntimeout_sec = 9\n'
    '[environment]\nbuild_timeout_sec = 600.0\ncpus = 1\nmemory = "2G"\n[metadata]\ntags = ["a"]\n'
)
_CASE = {"id": "a", "kind": "function", "prompt": "p", "entry_point": "f", "test": "def check(f): pass"}
_FRONT = "---\nname: find-bugs\ndescription: >-\n  Find bugs: all of them\ntools: Read, Bash\n---\nWords.\n"

READERS: dict[str, Reader] = {
    "permissions": Reader(
        of_text(read_permissions),
        b'{"permissions": {"allow": ["Bash(ls:*)"], "deny": ["Read(./.env)"], "ask": ["mcp__a__b"]}}',
        (ValueError, RecursionError),
    ),
    "hooks": Reader(of_text(read_hook_file), _HOOKS.encode(), (ValueError,)),
    ".mcp.json": Reader(
        lambda content: read_servers(content, None, environ={"A": "b"}),
        b'{"mcpServers": {"a": {"command": "node", "args": ["s.js", "${A:-c}"], "env": {"B": "${A}"}}, '
        b'"b": {"type": "http", "url": "https://a.example.org/mcp", "headers": {"X": "$A"}}}}',
        (CoderError,),
    ),
    "a skill": Reader(
        of_text(lambda text: read_skill(text, "skills/a/SKILL.md")), _FRONT.encode(), (ValueError,)
    ),
    "a subagent": Reader(
        of_text(lambda text: read_subagent(text, "agents/a.md")), _FRONT.encode(), (ValueError,)
    ),
    "YAML": Reader(
        of_text(read_yaml),
        b"a: &x [1, 2.5, yes, 2024-01-01]\nb:\n  <<: {c: *x}\n",
        (ValueError, RecursionError),
    ),
    "JSON": Reader(of_text(read_json), _JEST.encode(), (ValueError, RecursionError)),
    "TOML": Reader(of_text(parse_toml), _TASK.encode(), (ValueError,)),
    "task.toml": Reader(of_text(lambda text: parse_task(text, "a/task.toml")), _TASK.encode(), (CoderError,)),
    ".editorconfig": Reader(
        of_text(lambda text: charset_among({".editorconfig": text})("src/a.py")),
        b"root = true\n[*.{py,js}]\ncharset = latin1\n[{a,b}/**/[!c]{1..3}]\ncharset=utf-8\n",
    ),
    "go test -json": Reader(of_text(lambda text: read_go(text, _PLACES)), _GO.encode()),
    "cargo test": Reader(of_text(lambda text: read_cargo(text, text, _PLACES)), _CARGO.encode()),
    "jest": Reader(of_text(lambda text: read_jest(text, _PLACES)), _JEST.encode()),
    "mocha": Reader(of_text(lambda text: read_mocha(text, _PLACES)), _MOCHA.encode()),
    "TAP": Reader(of_text(lambda text: read_tap(text, _PLACES)), _TAP.encode()),
    "JUnit": Reader(lambda content: read_junit(content, _PLACES), _JUNIT),
    "node --test": Reader(lambda content: read_node(content, "a.py:3\nno", _PLACES), _JUNIT),
    "JSON-RPC": Reader(
        parse_message, b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"a": [1.5]}}'
    ),
    "an answer with edits": Reader(
        of_text(lambda text: read_edits(text, files=["src/a.py"])), _ANSWER.encode()
    ),
    "calls in words": Reader(of_text(lambda text: read_written_calls(text, [_TOOL])), _CALLS.encode()),
    "a stored event": Reader(_event, b'{"text": "", "by": "user", "n": [1]}', (LogDamaged,)),
    "values that cross": Reader(decode, encode({"a": [1, 2.5, None, ("b", b"c")]}), (CodecError,)),
    "a report": Reader(
        of_file("report.json", read_report),
        b'{"kind": "coder-report", "version": 1, "suite": "a", "cases": [{"id": "a", "verdicts": []}]}',
        (CoderError,),
    ),
    "samples": Reader(
        of_file("samples.jsonl", lambda path: [*read_samples(path, ["HumanEval/0"])]),
        b'{"task_id": "HumanEval/0", "completion": "    return 1\\n"}\n{"task_id": "HumanEval/0"}\n',
        (CoderError,),
    ),
    "a suite of lines": Reader(
        of_file("suite.jsonl", read_suite), json.dumps(_CASE).encode() + b"\n", (CoderError,)
    ),
    "a suite in YAML": Reader(
        of_file("suite.yaml", read_suite),
        b"- {id: a, kind: function, prompt: p, entry_point: f, test: 'def check(f): pass'}\n",
        (CoderError,),
    ),
    "an image's archive": Reader(of_file("image.tar", _open_image), _image(), (FileRefused,)),
    **{name: of_project(name) for name in PROJECT_FILES},
}


def is_read(reader: Reader, content: bytes) -> bool:
    """Return whether a reader takes bytes. Raises what the reader must not raise."""
    with contextlib.suppress(*reader.errors):
        reader.read(content)
        return True
    return False
