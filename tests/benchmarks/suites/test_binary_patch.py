"""Binary patches: what git makes is applied, and anything else is refused."""

import random
from pathlib import Path

import pytest

from benchmarks.suites.patch import PatchRefused, apply_patch
from tests.git_repository import GitRepository


def patch_of(tmp_path: Path, old: bytes | None, new: bytes | None, *, text: str = "") -> str:
    """Return git's binary patch from one content of x.bin to another; None: no file."""
    repository = GitRepository(tmp_path)
    repository.git("init", "--quiet")
    for content, message in ((old, "old"), (new, "new")):
        path = tmp_path / "x.bin"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--allow-empty", "-m", message)
    return repository.git("diff", "--binary", "HEAD~1", "HEAD") + "\n"


NOISE = random.Random(0).randbytes(5000)
CONTENTS: dict[str, tuple[bytes | None, bytes | None]] = {
    "a new file": (None, b"\0\1\2" * 40),
    "a small change, as a delta": (NOISE, NOISE[:2000] + b"\0new\0" + NOISE[2000:]),
    "a long copy": (NOISE * 40, b"\0" + NOISE * 40),
    "an empty file": (b"\0\1", b""),
    "a deleted file": (b"\0\1", None),
}


@pytest.mark.parametrize(("old", "new"), CONTENTS.values(), ids=CONTENTS)
def test_what_git_makes_is_applied(tmp_path: Path, old: bytes | None, new: bytes | None) -> None:
    patch = patch_of(tmp_path, old, new)
    files = {"a.py": b"1\n", **({} if old is None else {"x.bin": old})}

    assert apply_patch(files, patch) == {"a.py": b"1\n", **({} if new is None else {"x.bin": new})}


def test_a_delta_of_another_file_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    patch = patch_of(tmp_path, NOISE, NOISE[:2000] + b"\0new\0" + NOISE[2000:])
    lines = patch.split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith("delta "))
    damaged = "\n".join([*lines[: start + 1], "zzz", *lines[start + 2 :]])

    for text, content in ((patch, NOISE[1:]), (damaged, NOISE)):
        with pytest.raises(PatchRefused, match=r"x\.bin: its binary patch"):
            apply_patch({"x.bin": content}, text)


def test_a_binary_file_without_content_is_left_out_and_the_text_decides() -> None:
    patch = (
        "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-1\n+2\n"
        "diff --git a/m.pyc b/m.pyc\nnew file mode 100644\nBinary files /dev/null and b/m.pyc differ\n"
    )

    assert apply_patch({"m.py": b"1\n"}, patch) == {"m.py": b"2\n"}
