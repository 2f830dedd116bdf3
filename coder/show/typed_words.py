"""What the words of `coder fix` and `coder solve` mean: a folder, tests, a hint, or a command."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.config.project_tests.find import MANIFESTS
from coder.config.project_tests.named_tests import test_file_command
from coder.show.first_words import is_source, is_test_id, starts_command
from coder.workspace.git.found import find_repository


@dataclass(frozen=True, slots=True)
class TypedWords:
    """The words of a command line, by their meaning."""

    folder: Path | None = None
    """The folder, if one is named."""
    hint: str = ""
    """What the user knows of the fault."""
    command: tuple[str, ...] = ()
    """The command that must pass."""


def read_words(words: Sequence[str], command: Sequence[str] = ()) -> TypedWords:
    """Return the meaning of the words before `--`, and of the command behind it.

    An existing folder is the folder; a test file, or a test's id, is what must pass; words that no program
    has as its name are a hint; anything else is the command. If one is given behind `--`, none is before it.
    """
    folder, hints, tests = None, list[str](), list[str]()
    for position, word in enumerate(words):
        if folder is None and not hints and Path(word).is_dir():
            folder = Path(word)
        elif is_test_id(word, folder):
            tests.append(word)
        elif is_source(word, folder):
            folder, inner = folder_of_file((folder or Path()) / word)
            hints.append(f"It is about `{inner}`.")
        elif not (hints or command) and starts_command(words[position:]):
            command = words[position:]
            break
        else:
            hints.append(word)
    if tests and not command:
        if folder is None and (project := project_of(Path())) is not None and project[1]:
            folder, tests = project[0], [f"{project[1]}/{test}" for test in tests]
        place = folder or Path()
        read = {test.partition("::")[0] for test in tests} | {"package.json"}
        texts = {
            path: (place / path).read_text("utf-8", "replace") for path in read if (place / path).is_file()
        }
        command = test_file_command(tests, texts)
    return TypedWords(folder, " ".join(hints), tuple(command))


def folder_of_file(path: Path) -> tuple[Path, str]:
    """Return the project or the folder that a file is in, and the file's path in it."""
    place = path.absolute()
    project = project_of(place.parent)
    top = project[0] if project is not None else place.parent.resolve()
    return top, (place.parent.resolve() / place.name).relative_to(top).as_posix()


def is_too_wide(folder: Path) -> bool:
    """Whether a folder is the home folder or `/`, which is worked on only if it is named."""
    return folder.resolve() in (Path("/"), Path.home().resolve(), Path(os.path.abspath(os.sep)))


def project_of(place: Path) -> tuple[Path, str] | None:
    """Return the project that a folder is in or is, and the folder's path in it; None if it is none.

    The top of a git work tree is a project, and so is a folder with a manifest; the home folder and `/`
    aren't.
    """
    folder = place.resolve()
    repository = find_repository(folder)
    top = repository.top if repository is not None else folder
    if is_too_wide(top):
        return None
    if repository is None and not any((folder / name).is_file() for name in MANIFESTS):
        return None
    inner = folder.relative_to(top).as_posix()
    return top, "" if inner == "." else inner
