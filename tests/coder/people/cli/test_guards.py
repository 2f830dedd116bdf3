"""The page about guards: its function, installed as the page says, guards what `coder` sends."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says

PAGE = (Path(__file__).parents[4] / "docs/how-to/guard-texts.md").read_text()
(GUARD,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
(PACKAGE,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
ADD = "```python\ndef add(a, b):\n    return a + b\n```\n"


def install(folder: Path, guard: str) -> dict[str, str]:
    """Lay out the package as pip would. Return the environment in which Python finds it."""
    (group, entries), = tomllib.loads(PACKAGE)["project"]["entry-points"].items()  # fmt: skip
    (name, value), = entries.items()  # fmt: skip
    (folder / "our_guards.py").write_text(guard)
    info = folder / "our_guards-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-guards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
    return {"PYTHONPATH": str(folder)}


def solve(console: Console, url: str, prompt: str, environment: dict[str, str]) -> tuple[int, str]:
    done = console.run(
        "solve", prompt, "--check", "assert add(2, 3) == 5", "--base-url", url, "-m", "toy", **environment
    )
    return done.code, done.err


@pytest.mark.slow
def test_the_pages_guard_stops_a_request_with_a_customers_number(console: Console, tmp_path: Path) -> None:
    environment = install(tmp_path, GUARD)

    with faulty_endpoint(says(ADD)) as endpoint:
        code, words = solve(console, endpoint.url, "Write add(a, b) for customer 4711.", environment)
        assert (code, endpoint.requests) == (7, []), words

    assert "The guard customers refused the request: it has a customer's number" in words
    assert "Traceback" not in words


@pytest.mark.slow
def test_the_pages_guard_lets_other_texts_pass(console: Console, tmp_path: Path) -> None:
    environment = install(tmp_path, GUARD)

    with faulty_endpoint(says(ADD)) as endpoint:
        assert solve(console, endpoint.url, "Write add(a, b).", environment)[0] == 0


@pytest.mark.slow
def test_a_refused_prompt_sends_nothing_and_ends_with_exit_code_7(console: Console, tmp_path: Path) -> None:
    environment = install(tmp_path, GUARD.replace('"request"', '"prompt"'))

    with faulty_endpoint(says(ADD)) as endpoint:
        code, words = solve(console, endpoint.url, "Write add(a, b) for customer 4711.", environment)
        assert (code, endpoint.requests) == (7, []), words

    assert "The guard customers refused the prompt: it has a customer's number" in words


@pytest.mark.slow
def test_a_guard_that_cannot_be_imported_sends_nothing(console: Console, tmp_path: Path) -> None:
    environment = install(tmp_path, "import gone\n")

    with faulty_endpoint(says(ADD)) as endpoint:
        code, words = solve(console, endpoint.url, "Write add(a, b).", environment)
        assert (code, endpoint.requests) == (2, []), words

    assert (
        "The guard customers (our_guards:no_customer_numbers) can't be used: No module named 'gone'" in words
    )
