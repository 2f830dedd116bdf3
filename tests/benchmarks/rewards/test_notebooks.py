"""Notebooks in SandboxFusion's form, from a real server."""

import base64
from typing import Any

import httpx2
import pytest

from tests.growing_limits import growing_limits

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


async def run(http: httpx2.AsyncClient, *cells: str, **request: Any) -> dict[str, Any]:
    response = await http.post("/run_jupyter", json={"cells": cells, **request})
    notebook: dict[str, Any] = response.raise_for_status().json()
    assert notebook.keys() == {"status", "message", "driver", "cells", "executor_pod_name", "files"}
    return notebook


@pytest.mark.slow
async def test_cells_share_definitions_and_the_outputs_of_each_come_apart(http: httpx2.AsyncClient) -> None:
    notebook = await run(
        http,
        "a = 123",
        "a",
        "import sys\nprint(a)\nprint('bad', file=sys.stderr)",
        "raise RuntimeError('late')",
        f"from IPython.display import Image, display\ndisplay(Image({PNG!r}.encode(), format='png'))",
        "print(a + 1)",
    )

    assert (notebook["status"], notebook["driver"]["status"]) == ("Success", "Finished")
    first, value, printed, failed, picture, last = notebook["cells"]
    assert first == {"stdout": "", "stderr": "", "display": [], "error": []}
    assert value["display"] == [{"text/plain": "123"}]
    assert (printed["stdout"], printed["stderr"]) == ("123\n", "bad\n")
    assert [(error["ename"], error["evalue"]) for error in failed["error"]] == [("RuntimeError", "late")]
    assert "image/png" in picture["display"][0]
    assert last["stdout"] == "124\n"


@pytest.mark.slow
async def test_files_go_in_and_come_back_and_notebooks_share_none(http: httpx2.AsyncClient) -> None:
    content = base64.b64encode(b"6 7").decode()
    cell = "a, b = open('in/numbers.txt').read().split()\nopen('out.txt', 'w').write(str(int(a) * int(b)))"

    notebook = await run(http, cell, files={"in/numbers.txt": content}, fetch_files=["./out.txt", "no.txt"])
    other = await run(http, "import os\nprint(os.path.exists('out.txt'))")
    outside = await run(http, "1", files={"../x": content})

    assert notebook["files"] == {"./out.txt": base64.b64encode(b"42").decode()}
    assert other["cells"][0]["stdout"] == "False\n"
    assert (outside["status"], outside["cells"]) == ("SandboxError", [])


@pytest.mark.slow
async def test_a_cell_past_its_time_is_the_last_and_keeps_what_it_printed(http: httpx2.AsyncClient) -> None:
    loop = "print('begun', flush=True)\nimport time\nwhile True: time.sleep(1)"

    for limit_s in growing_limits(1.5):
        notebook = await run(http, "print(1)", loop, "print(2)", cell_timeout=limit_s)
        if "begun\n" in [cell["stdout"] for cell in notebook["cells"]]:
            break

    assert (notebook["status"], notebook["driver"]["status"]) == ("Failed", "TimeLimitExceeded")
    assert [cell["stdout"] for cell in notebook["cells"]] == ["1\n", "begun\n"]
    assert notebook["cells"][1]["error"][0]["ename"] == "KeyboardInterrupt"


@pytest.mark.slow
async def test_a_cell_that_ignores_its_interrupt_is_late_too(http: httpx2.AsyncClient) -> None:
    stays = "try: time.sleep(60)\n    except KeyboardInterrupt: print('no', flush=True)"
    stubborn = f"import time\nwhile True:\n    {stays}"

    for limit_s in growing_limits(1):
        notebook = await run(http, "print(1)", stubborn, "print(2)", cell_timeout=limit_s)
        if "no\n" in [cell["stdout"] for cell in notebook["cells"]]:
            break

    assert (notebook["status"], notebook["driver"]["status"]) == ("Failed", "TimeLimitExceeded")
    assert [cell["stdout"] for cell in notebook["cells"]] == ["1\n", "no\n"]


@pytest.mark.slow
async def test_text_that_is_no_unicode_comes_back_as_far_as_it_can_be_read(http: httpx2.AsyncClient) -> None:
    notebook = await run(
        http, "print('a\\x00b')", "print('\\ud800')", "print('\\u2028|\\x85')", "float('nan')"
    )

    assert notebook["status"] == "Success"
    first, _, third, fourth = notebook["cells"]  # the kernel drops half of a surrogate pair
    assert (first["stdout"], third["stdout"]) == ("a\0b\n", "\u2028|\x85\n")
    assert fourth["display"] == [{"text/plain": "nan"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "status"),
    [
        pytest.param("import os\nos._exit(3)", "Finished", id="the kernel ends"),
        pytest.param("import time\ntime.sleep(6000)", "TimeLimitExceeded", id="the whole is too late"),
        pytest.param("print('x' * (5 << 20))\nimport os\nos._exit(0)", "Finished", id="much output"),
    ],
)
async def test_a_notebook_that_is_cut_off_has_failed_with_the_cells_before(
    http: httpx2.AsyncClient, cell: str, status: str
) -> None:
    for limit_s in growing_limits(8) if status == "TimeLimitExceeded" else [120]:
        notebook = await run(http, "print(1)", cell, "print(2)", total_timeout=limit_s)
        if notebook["cells"]:
            break

    assert (notebook["status"], notebook["driver"]["status"]) == ("Failed", status)
    assert [cell["stdout"] for cell in notebook["cells"]] == ["1\n"]


@pytest.mark.slow
async def test_what_a_cell_prints_beyond_the_limit_is_dropped(http: httpx2.AsyncClient) -> None:
    notebook = await run(http, "print('x' * (5 << 20))", "print('last')")

    assert notebook["status"] == "Success"
    assert notebook["cells"][0]["stdout"] == "x" * (4 << 20)
    assert notebook["cells"][1]["stdout"] == "last\n"
