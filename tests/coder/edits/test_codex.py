"""Patches drawn by chance have the results that Codex's own program gives them, which runs in a sandbox.

    npm install --ignore-scripts --prefix DIR @openai/codex        CODER_CODEX=DIR/node_modules

Where edits.md says otherwise, ours differ: a file without a last newline stays so,
lines keep their line ends, lines that fit at several places are asked for again.
"""

import json
import os
import random
from pathlib import Path

import pytest

from coder.edits.answer import read_answer
from sandbox import Command, Policy, open_sandbox

pytestmark = [pytest.mark.slow, pytest.mark.foreign]
CASES = 600
APPLY = """
import json, os, pathlib, shutil, subprocess
results = []
for files, patch in json.load(open("cases.json")):
    folder = pathlib.Path("/tmp/case")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    words = [os.path.abspath("codex/codex"), "--codex-run-as-apply-patch", patch]
    done = subprocess.run(words, cwd=folder, capture_output=True)
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    after = {str(path.relative_to(folder)): path.read_bytes().decode() for path in paths}
    results.append([done.returncode == 0, after])
    shutil.rmtree(folder)
json.dump(results, open("results.json", "w"))
"""
LINES = ("a", "b", "c", "    d", "", "e ", "\tf", "def g():", "    return 1", "}", "# x")


def drawn(chance: random.Random) -> tuple[dict[str, str], str]:
    """Files, and a patch of them whose lines are theirs, mostly."""
    files = {}
    for name in chance.sample(["m.txt", "d/n.txt", "o.txt"], chance.randint(1, 2)):
        end = "\r\n" if chance.random() < 0.1 else "\n"
        text = "".join(chance.choice(LINES) + end for _ in range(chance.randint(1, 8)))
        files[name] = text if chance.random() < 0.8 else text.removesuffix(end) or "a"
    parts = [section(name, text.splitlines(), chance) for name, text in files.items()]
    if chance.random() < 0.3:
        parts.append("*** Add File: new/x.txt\n+one\n+\n+two\n")
    if chance.random() < 0.05:
        parts.append("*** Delete File: gone\n")
    chance.shuffle(parts)
    return files, "*** Begin Patch\n" + "".join(parts) + "*** End Patch\n"


def section(name: str, lines: list[str], chance: random.Random) -> str:
    """The part of a patch about one file."""
    if chance.random() < 0.1:
        return f"*** Delete File: {name}\n"
    move = f"*** Move to: {chance.choice(['z.txt', 'd/y.txt'])}\n" if chance.random() < 0.1 else ""
    text, at = f"*** Update File: {name}\n{move}", 0
    while at < len(lines) and (at == 0 or chance.random() < 0.5):
        start = chance.randrange(at, len(lines))
        at = min(len(lines), start + chance.randint(1, 4))
        anchor = lines[chance.randrange(start)] if start and chance.random() < 0.2 else ""
        text += f"@@ {anchor}".rstrip() + "\n" + "".join(changed(line, chance) for line in lines[start:at])
        text += "+end\n" if "\n+" not in text.rpartition("@@")[2] else ""
        text += "*** End of File\n" if at == len(lines) and chance.random() < 0.3 else ""
    return text


def changed(line: str, chance: random.Random) -> str:
    """A line of a hunk: kept, removed or followed by a new one; some with a blank more."""
    blank = " " if chance.random() < 0.1 else ""
    kind = chance.choice(["kept", "kept", "removed", "followed"])
    new = f"+{chance.choice(['new', '    new2', ''])}\n" if kind == "followed" else ""
    return f"{'-' if kind == 'removed' else ' '}{line}{blank}\n{new}"


def without_ends(files: dict[str, str]) -> dict[str, str]:
    """Files without what edits.md says of ends: of lines, and of the last one."""
    return {path: text.replace("\r", "").rstrip("\n") for path, text in files.items()}


async def test_a_patch_gives_what_codex_makes_of_it_or_is_asked_for_again() -> None:
    if "CODER_CODEX" not in os.environ:
        pytest.skip("needs Codex's program (CODER_CODEX names the node_modules that hold it)")
    chance = random.Random(20261201)
    cases = [drawn(chance) for _ in range(CASES)]
    program = next(Path(os.environ["CODER_CODEX"]).glob("@openai/codex-linux-*/vendor/*/bin/codex"))
    async with open_sandbox(Policy(folders={"codex": program.parent}, wall_s=120, cpu_s=120)) as sandbox:
        await sandbox.lay({"cases.json": json.dumps(cases).encode(), "apply.py": APPLY.encode()})
        done = await sandbox.run(Command(argv=("python3", "apply.py")))
        assert done.ok, done.stderr
        results = json.loads(await sandbox.read("results.json"))

    same = asked_again = 0
    for (files, patch), (is_applied, after) in zip(cases, results, strict=True):
        edits = read_answer(patch, dict(files), default="", blocks="none")
        if not is_applied:
            continue
        if edits.problem:
            assert "fits equally well" in edits.problem or "change nothing" in edits.problem, (files, patch)
            asked_again += 1
            continue
        ours = {path: text for path, text in {**files, **edits.files}.items() if text is not None}
        assert without_ends(ours) == without_ends(after), (files, patch)
        same += 1
    assert (same > CASES / 2, asked_again > 0) == (True, True)
