"""Keys that are planted everywhere show nowhere: on no screen, in no log, recording or sandbox."""

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.faulty_endpoint import FaultyEndpoint, Reply, chunk, error, faulty_endpoint, says, streams

KEY = "planted-key-0123456789/+abcdef"
OTHER = "planted-other-9876543210-zyxwvu"
PASSWORD = "planted-password-5555"
PARAMETER = "planted-parameter-77777"
SECRETS = (KEY, OTHER, PASSWORD, PARAMETER)

SNOOPS = f"""```python
import glob
import os
import sys

said = "said by the model: {KEY}"
seen = [str(dict(os.environ)), str(sys.argv), *(open(p).read() for p in glob.glob("*") if os.path.isfile(p))]
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/tmp/*"):
    try:
        seen.append(open(path, errors="replace").read(100_000))
    except OSError:
        pass
print(said)

def add(a, b):
    return "in " + "the sandbox: " + str("plan" + "ted-" in "".join(seen).replace(said, ""))
```
"""
THINKS = streams(
    chunk({"reasoning_content": f"the key is {KEY}"}),
    chunk({"content": SNOOPS}),
    chunk({}, finish="stop"),
    "[DONE]",
)
CALL = {"index": 0, "id": f"call {KEY}", "type": "function"}
CALLS = streams(
    {**chunk({"content": SNOOPS}), "model": f"toy {KEY}"},
    chunk({"tool_calls": [{**CALL, "function": {"name": KEY, "arguments": KEY}}]}),
    chunk({}, finish="stop"),
    "[DONE]",
)
ECHOES: dict[str, tuple[Reply, ...]] = {
    "the answer": (says(SNOOPS),),
    "the reasoning": (THINKS,),
    "the names of the model and of a tool": (CALLS,),
    "an error that passes": (error(500, f"crashed with {KEY} {PARAMETER}"), says(SNOOPS)),
    "an error that lasts": (error(401, f"Incorrect API key provided: {KEY} {PARAMETER}"),),
    "a bad request": (error(400, f"you sent Bearer {KEY}"),),
    "the stream": (streams({"error": {"message": f"died with {KEY}"}}),),
}


def run(console: Console, first: FaultyEndpoint, second: FaultyEndpoint, *more: str) -> Finished:
    """A run with keys in variables and as a parameter of an address, and a password in another address."""
    fallback = second.url.replace("http://", f"http://someone:{PASSWORD}@")
    return console.run(
        *("solve", "Write add(a, b).", "--check", "assert add(2, 3) == 5", "--no-plan", "-v"),
        *("--base-url", f"{first.url}?key={PARAMETER}", "-m", "toy", "--fallback", f"toy@{fallback}"),
        *("--record", str(console.home / "run.jsonl"), "--samples", "1", "--repairs", "0", *more),
        CODER_API_KEY=KEY,
        ANTHROPIC_API_KEY=OTHER,
    )


def forms(secret: str) -> set[str]:
    """A secret as it may be written: plain, in an address, in base64, in JSON."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret), quote(secret, safe=""), encoded, secret.replace("/", "\\/")}


def places_of(secrets: tuple[str, ...], console: Console, *done: Finished) -> list[str]:
    """Where any of them is written."""
    texts = {f"stream {at}": (each.out + each.err).encode() for at, each in enumerate(done)}
    texts |= {str(path): path.read_bytes() for path in console.home.rglob("*") if path.is_file()}
    secret_forms = [form.encode() for secret in secrets for form in forms(secret)]
    return [place for place, text in texts.items() if any(form in text for form in secret_forms)]


@pytest.mark.slow
@pytest.mark.parametrize("script", ECHOES.values(), ids=ECHOES.keys())
def test_a_key_that_the_endpoint_echoes_is_written_nowhere(
    script: tuple[Reply, ...], console: Console
) -> None:
    with faulty_endpoint(*script) as first, faulty_endpoint(*script) as second:
        done = run(console, first, second)
        outputs = [
            console.run("show", "run_", CODER_API_KEY=KEY),
            console.run("show", "run_", "--json"),
            console.run("show", "run_", "--cost"),
        ]

    assert places_of(SECRETS, console, done, *outputs) == []
    assert first.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "in the sandbox: True" not in done.err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_documents_hold_no_key(form: str, console: Console) -> None:
    with faulty_endpoint(says(SNOOPS)) as first, faulty_endpoint(says(SNOOPS)) as second:
        done = run(console, first, second, form)

    assert "in the sandbox: False" in done.out + done.err
    assert places_of(SECRETS, console, done) == []


def test_what_is_looked_for_is_found_where_it_is(console: Console, tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(quote(KEY, safe=""))

    assert places_of(SECRETS, console) == [str(tmp_path / "leak")]
