"""Programs in SandboxFusion's form: files in and out, a compile step, and each installed language."""

import base64
import json
import os
from typing import Any

import httpx2
import pytest

from benchmarks.rewards.programs import LANGUAGES, ProgramRunner, RunCode
from sandbox import Result

PRODUCT = {
    "python": "a, b = input().split()\nprint(int(a) * int(b))",
    "bash": "read a b; echo $((a * b))",
    "nodejs": "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ');\nconsole.log(a * b);",
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a * b); }',
    "cpp": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a * b << '\\n'; }",
    "go": 'package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a * b) }',
    "java": "public class Main { public static void main(String[] a) {"
    " var s = new java.util.Scanner(System.in); System.out.println(s.nextInt() * s.nextInt()); } }",
    "rust": "fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
    ' println!("{}",'
    " s.split_whitespace().map(|n| n.parse::<i32>().unwrap()).product::<i32>()); }",
}
FIELDS = {"status", "execution_time", "return_code", "stdout", "stderr"}


async def run(http: httpx2.AsyncClient, **request: Any) -> dict[str, Any]:
    response: dict[str, Any] = (await http.post("/run_code", json=request)).raise_for_status().json()
    assert response.keys() == {
        *("status", "message", "compile_result", "run_result", "executor_pod_name", "files")
    }
    return response


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.slow
@pytest.mark.parametrize("language", PRODUCT)
async def test_an_installed_language_is_compiled_and_run_and_another_one_refused(
    http: httpx2.AsyncClient, language: str
) -> None:
    limits = {"compile_timeout": 60, "run_timeout": 20}

    ended = await run(http, language=language, code=PRODUCT[language], stdin="6 7", **limits)

    tool = LANGUAGES[language].tool
    if tool != "python" and not any(os.path.exists(f"{at}/{tool}") for at in ("/usr/bin", "/usr/local/bin")):
        assert (ended["status"], ended["run_result"]) == ("SandboxError", None)
        return
    assert (ended["status"], ended["run_result"]["stdout"]) == ("Success", "42\n"), json.dumps(ended)
    assert ended["run_result"].keys() == FIELDS
    assert (ended["compile_result"] is None) == (not LANGUAGES[language].compile)


@pytest.mark.slow
async def test_a_program_that_does_not_compile_is_not_run(http: httpx2.AsyncClient) -> None:
    ended = await run(http, language="c", code="int main(void) { return x; }")

    assert (ended["status"], ended["message"], ended["run_result"]) == ("Failed", "", None)
    assert (ended["compile_result"]["status"], ended["compile_result"]["return_code"]) == ("Finished", 1)
    assert "undeclared" in ended["compile_result"]["stderr"]


@pytest.mark.slow
async def test_a_compile_step_has_a_limit_of_its_own(http: httpx2.AsyncClient) -> None:
    ended = await run(http, language="cpp", code='#include "/dev/zero"\nint main() {}', compile_timeout=0.2)

    assert (ended["status"], ended["run_result"]) == ("Failed", None)
    assert (ended["compile_result"]["status"], ended["compile_result"]["return_code"]) == (
        "TimeLimitExceeded",
        None,
    )


@pytest.mark.slow
async def test_files_are_given_and_those_asked_for_are_fetched(http: httpx2.AsyncClient) -> None:
    code = "mkdir -p out; cat data/in.txt > out/copy.txt; echo other > other.txt"
    files = {"data/in.txt": in_base64("6 7\n"), "./same.txt": in_base64("same"), "none.txt": None}
    paths = ["out/copy.txt", "./same.txt", "missing.txt", "out"]

    ended = await run(http, language="bash", code=code, files=files, fetch_files=paths)

    assert ended["status"] == "Success"
    assert ended["files"] == {"out/copy.txt": in_base64("6 7\n"), "./same.txt": in_base64("same")}


@pytest.mark.slow
async def test_a_header_that_is_given_is_found_by_the_compiler(http: httpx2.AsyncClient) -> None:
    code = '#include "lib/six.h"\n#include <stdio.h>\nint main(void) { printf("%d", SIX * 7); }'

    ended = await run(http, language="c", code=code, files={"lib/six.h": in_base64("#define SIX 6\n")})

    assert ended["run_result"]["stdout"] == "42"


@pytest.mark.parametrize(
    "files",
    [{"../x": in_base64("x")}, {"/etc/x": in_base64("x")}, {"x": "abc"}, {"x": "é"}],
    ids=["above", "root", "no base64", "no ASCII"],
)
async def test_files_that_cannot_be_used_are_an_error_of_the_sandbox(
    http: httpx2.AsyncClient, files: dict[str, str]
) -> None:
    ended = await run(http, language="python", code="print(1)", files=files)

    assert (ended["status"], ended["run_result"]) == ("SandboxError", None)
    assert "can't be used" in ended["message"]


async def test_a_tool_that_a_busy_machine_was_too_slow_to_find_is_looked_for_again() -> None:
    ends = [Result(status="timeout", exit_code=None, killed_by="wall")]

    async def run(*_: object) -> Result:
        return ends.pop() if ends else Result(status="ok", exit_code=0, stdout="1\n")

    programs, request = ProgramRunner(run, max_mb=64), RunCode(code="print(1)", language="python")
    first, second = [(await programs.run(request)).status for _ in range(2)]

    assert (first, second) == ("SandboxError", "Success")
