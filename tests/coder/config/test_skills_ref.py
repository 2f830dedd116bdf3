"""Skills that the reference validator of agentskills.io accepts have the name and description that it reads.

python3 -m venv DIR && DIR/bin/pip install skills-ref        CODER_SKILLS_REF_PYTHON=DIR/bin/python
"""

import json
import os
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

from coder.config.skills import read_skill

pytestmark = [pytest.mark.slow, pytest.mark.foreign]
CASES = 600
READ = """
import json, pathlib, sys
from skills_ref import read_properties, validate
results = []
for number, (name, text) in enumerate(json.load(sys.stdin)):
    folder = pathlib.Path(str(number), name)
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(text, encoding="utf-8")
    skill = None if validate(folder) else read_properties(folder)
    results.append(skill and [skill.name, skill.description])
print(json.dumps(results))
"""
NAMES = (
    *("pdf", "data-tool", "a-b-c", "x1", "café", "cafe\u0301", "навык", "тест-2", "技能", "ﬁle", "Ⅷ", "٣"),
    *(
        "2024",
        "1.10",
        "yes",
        "on",
        "no",
        "true",
        "null",
        "~",
        "2024-01-01",
        "0x1f",
        "1e3",
        "Big",
        "a--b",
        "-a",
    ),
)
DESCRIPTIONS = (
    *("Does it.", "yes", "true", "null", "~", "1.10", "1_000", "0o17", "2024-01-01", "12:30:45", "x, y; z"),
    *("'quoted: text'", '"a \\"b\\" c"', "Reads #1 file", "Reads a # comment", "it's fine", "trailing   "),
    *(
        "Über – Dash",
        "emoji 🎉 here",
        "multi\n  line plain\n  goes on",
        ">\n  Folded\n  text",
        "|\n  One\n  two",
    ),
    *(">-\n  one\n\n  two", "a: b", "[a] [b]", "{a}", "- dash", "* star", "!tag", "&x y", "%p", "@at", "? q"),
)
MORE = (
    "license: MIT",
    "allowed-tools: Read, Bash(git:*)",
    "metadata:\n  version: 1.0\n  author: Someone",
    "compatibility: Needs git",
    "unknown: field",
)


def drawn(chance: random.Random) -> tuple[str, str]:
    """The name of a folder, and its SKILL.md."""
    name = chance.choice(NAMES)
    lines = [f"name: {name}", f"description: {chance.choice(DESCRIPTIONS)}"]
    lines += [line for line in MORE if chance.random() < 0.15]
    chance.shuffle(lines)
    end = chance.choice(["Body\n", "", "\n# Title\n---\nx\n"])
    return name, "---\n{}\n---\n{}".format("\n".join(lines), end)


def test_what_the_reference_accepts_is_read_as_it_reads_it(tmp_path: Path) -> None:
    if "CODER_SKILLS_REF_PYTHON" not in os.environ:
        pytest.skip("needs skills-ref (CODER_SKILLS_REF_PYTHON names an interpreter that has it)")
    chance = random.Random(20261201)
    cases = [drawn(chance) for _ in range(CASES)]
    words = [os.environ["CODER_SKILLS_REF_PYTHON"], "-c", READ]
    done = subprocess.run(words, input=json.dumps(cases), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    accepted = 0
    for (name, text), expected in zip(cases, json.loads(done.stdout), strict=True):
        if expected is not None:
            skill = read_skill(text, f".agents/skills/{name}/SKILL.md")
            read_name, description = expected
            normal = unicodedata.normalize("NFKC", read_name)
            assert (skill.name, skill.description) == (normal, " ".join(description.split())), text
            accepted += 1
    assert accepted > CASES / 3
