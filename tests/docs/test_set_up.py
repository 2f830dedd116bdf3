"""`./run` on machines that lack something: it says exactly what to install, and touches nothing."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.bare_path import bare_path, put

ROOT = Path(__file__).parents[2]
NEEDED = (
    "sh",
    "readlink",
    "dirname",
    "cat",
    "id",
    "uname",
    "sed",
    "tail",
    "mktemp",
    "rm",
    "cp",
    "flock",
    "env",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what `./run` reads, in a path with a blank."""
    folder = tmp_path / "my clone"
    for name in ("tools", "tests"):
        (folder / name).mkdir(parents=True)
    for name in ("run", "pyproject.toml", "tools/setup.sh", "tests/books.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return bare_path(tmp_path, NEEDED)


def run(clone: Path, tools: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(clone / "run"), *(arguments or ("--version",))],
        cwd="/",
        env={"PATH": str(tools), "HOME": str(clone)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("dnf", "sudo dnf install bubblewrap python3"),
        ("pacman", "sudo pacman -S bubblewrap python"),
        ("apk", "apk add bubblewrap python3"),
        ("zypper", "sudo zypper install bubblewrap python3"),
    ],
)
def test_another_linux_is_told_the_command_of_its_own_package_manager(
    clone: Path, tools: Path, manager: str, command: str
) -> None:
    put(tools, manager, "exit 1")

    done = run(clone, tools)

    assert done.returncode == 5
    assert command in done.stderr
    assert not (clone / ".venv").exists()


def test_a_system_without_any_package_manager_is_told_what_is_missing(clone: Path, tools: Path) -> None:
    done = run(clone, tools)

    assert done.returncode == 5
    assert "Install bubblewrap and Python 3.11 or newer" in done.stderr


def test_a_system_that_is_not_linux_is_told_so(clone: Path, tools: Path) -> None:
    (tools / "uname").unlink()
    put(tools, "uname", "echo Darwin")

    done = run(clone, tools)

    assert done.returncode == 5
    assert "needs Linux" in done.stderr


def test_an_ordinary_user_without_a_password_at_hand_is_told_what_to_run(clone: Path, tools: Path) -> None:
    (tools / "id").unlink()
    put(tools, "id", "echo 1000")
    put(tools, "sudo", "exit 1")
    put(tools, "apt-get", "exit 1")

    done = run(clone, tools)

    assert done.returncode == 5
    assert "sudo apt-get install -y bubblewrap python3 python3-venv" in done.stderr


def test_an_apt_get_that_fails_is_quoted(clone: Path, tools: Path) -> None:
    (tools / "id").unlink()
    put(tools, "id", "echo 0")
    put(tools, "apt-get", 'echo "E: Unable to locate package bubblewrap"; exit 100')

    done = run(clone, tools)

    assert done.returncode == 5
    assert "run: apt-get install -y bubblewrap python3 python3-venv" in done.stderr
    assert "E: Unable to locate package bubblewrap" in done.stderr


def set_up(clone: Path) -> None:
    """A set-up of this clone that was finished."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    put(clone / ".venv" / "bin", "python", "exit 1")
    put(clone / ".venv" / "bin", "coder", 'echo "coder $*"')
    parts = [(clone / name).read_text() for name in ("pyproject.toml", "tools/setup.sh")]
    for purpose in ("use", "test"):
        (clone / ".venv" / f"set-up-for-{purpose}").write_text(f"{clone}\n{''.join(parts)}".rstrip("\n"))


def test_a_set_up_that_is_done_is_not_done_again(clone: Path, tools: Path) -> None:
    set_up(clone)
    put(tools, "bwrap", "exit 0")

    done = run(clone, tools)

    assert (done.stdout, done.stderr) == ("coder --version\n", "")


def test_a_set_up_installs_the_package_and_what_it_can_use(clone: Path, tools: Path) -> None:
    set_up(clone)
    (clone / ".venv" / "set-up-for-use").unlink()
    for name in ("bwrap", "python3"):
        put(tools, name, "exit 0")
    put(clone / ".venv" / "bin", "python", 'echo "$*" >>"$HOME/asked"')
    put(clone / ".venv" / "bin", "coder", 'echo "coder $*" >>"$HOME/asked"; echo "coder $*"')

    done = run(clone, tools, "serve")

    assert done.stdout == "coder serve\n"
    calls = (clone / "asked").read_text().splitlines()
    assert calls[-2:] == ["coder setup --yes", "coder serve"]
    assert calls[-3].endswith(f"--editable {clone}")


@pytest.mark.parametrize(("uv_exit", "by_pip"), [(0, ["uv"]), (1, ["uv", "--editable {clone}[dev]"])])
def test_uv_installs_what_the_tests_need_and_pip_where_uv_fails(
    clone: Path, tools: Path, uv_exit: int, by_pip: list[str]
) -> None:
    set_up(clone)
    (clone / ".venv" / "set-up-for-test").unlink()
    for name in ("bwrap", "python3", "git", "patch", "make"):
        put(tools, name, "exit 0")
    put(clone / ".venv" / "bin", "python", 'echo "$*" >>"$HOME/asked"')
    put(clone / ".venv" / "bin", "uv", f'echo "uv $*" >>"$HOME/asked"; exit {uv_exit}')
    (clone / "tests" / "needs.txt").write_text("")
    (clone / "tests" / "test_f.py").write_text("")

    (tools / "tr").symlink_to("/usr/bin/tr")

    done = run(clone, tools, "test", "tests/test_f.py")

    assert done.stderr.startswith("run: installing"), done.stderr
    calls = (clone / "asked").read_text().splitlines()
    option = "--no-input "
    assert [call.partition(option)[2] for call in calls if option in call] == [
        packages.format(clone=clone) for packages in by_pip
    ]
    assert sum(call.startswith("uv pip install") for call in calls) == 1


def test_a_package_that_was_removed_after_the_set_up_is_installed_again(clone: Path, tools: Path) -> None:
    set_up(clone)
    put(tools, "python3", "exit 0")
    (tools / "id").unlink()
    put(tools, "id", "echo 0")
    put(tools, "apt-get", "exit 0")

    done = run(clone, tools)

    assert (done.stdout, done.stderr) == ("coder --version\n", "run: apt-get install -y bubblewrap\n")


def test_the_program_learns_what_was_typed_so_that_the_commands_it_prints_work(
    clone: Path, tools: Path
) -> None:
    set_up(clone)
    put(tools, "bwrap", "exit 0")
    put(clone / ".venv" / "bin", "coder", 'echo "$CODER_COMMAND"')

    whole = run(clone, tools)
    short = subprocess.run(["./run"], cwd=clone, env={"PATH": str(tools)}, capture_output=True, text=True)

    assert whole.stdout == f"'{clone}/run'\n"  # there is a blank in it
    assert short.stdout == "./run\n"


CHECKS = ["ruff check .", "ruff format --check .", "mypy ", "lint-imports "]
PYTEST = "python -m pytest -n auto --dist worksteal"
(VERDICTS,) = re.findall(r"^verdicts (.*)$", (ROOT / "tests/books.txt").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        ([], [*CHECKS, PYTEST + " -m not foreign"]),
        (["--fast"], [*CHECKS, PYTEST + " -m not slow and not foreign"]),
        (["--fast", "-x"], [*CHECKS, PYTEST + " -m not slow and not foreign -x"]),
        (["--foreign"], [PYTEST + " -m foreign"]),
        (["instant", "-x"], [PYTEST + " -m instant -x"]),
        (["-k", "resume"], [PYTEST + " -k resume"]),
        (["verdicts", "-x"], [PYTEST + f" {VERDICTS} -x"]),
        (["verdicts", "--fast", "-x"], [PYTEST + f" {VERDICTS} -m not slow and not foreign -x"]),
    ],
)
def test_the_tests_are_ours_or_the_fast_ones_after_the_checks_or_the_foreign_ones_or_what_pytest_is_told(
    clone: Path, tools: Path, arguments: list[str], done: list[str]
) -> None:
    set_up(clone)
    put(tools, "bwrap", "exit 0")
    for name in ("python", "ruff", "mypy", "lint-imports"):
        put(clone / ".venv" / "bin", name, f'echo "{name} $*"')
    put(clone / "tools", "engine.sh", "exit 0")

    ran = run(clone, tools, "test", *arguments)

    assert (ran.stdout.splitlines(), ran.stderr) == (done, "")


@pytest.mark.parametrize(("has_bytecode", "collections"), [(False, 1), (True, 0)])
def test_the_tests_of_a_fresh_clone_are_compiled_once_beside_the_checks(
    clone: Path, tools: Path, has_bytecode: bool, collections: int
) -> None:
    set_up(clone)
    put(tools, "bwrap", "exit 0")
    for name in ("ruff", "mypy", "lint-imports"):
        put(clone / ".venv" / "bin", name, "exit 0")
    put(clone / ".venv" / "bin", "python", f'echo "$*" >> {shlex.quote(str(clone / "calls"))}')
    put(clone / "tools", "engine.sh", "exit 0")
    if has_bytecode:
        (clone / "tests" / "__pycache__").mkdir(parents=True)

    run(clone, tools, "test", "--fast")

    *earlier, last = (clone / "calls").read_text().splitlines()
    assert earlier == ["-m pytest --collect-only -q"] * collections
    assert last.startswith("-m pytest -n auto")


def test_a_change_that_a_check_refuses_is_not_tested(clone: Path, tools: Path) -> None:
    set_up(clone)
    put(tools, "bwrap", "exit 0")
    put(clone / ".venv" / "bin", "ruff", "exit 1")

    ran = run(clone, tools, "test", "--fast")

    assert (ran.returncode, ran.stdout) == (1, "")


def test_the_scripts_are_shell_that_every_debian_understands() -> None:
    for script in ("run", "tools/setup.sh", "tools/engine.sh", "sandbox/images/debian.sh"):
        subprocess.run(["sh", "-n", str(ROOT / script)], check=True)
        assert os.access(ROOT / "run", os.X_OK)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ("tests/test_f.py::test_f", "bubblewrap patch make"),
        ("tests/store/test_f.py", "bubblewrap patch make postgresql"),
        ("tests/store/", "bubblewrap patch make postgresql"),
        ("tests/docker/test_f.py", "bubblewrap patch make docker.io debootstrap"),
        ("tests/docker", "bubblewrap patch make docker.io debootstrap"),
        ("-m,not foreign,tests/docker/test_f.py", "bubblewrap patch make"),
        ("instant", "bubblewrap patch make"),
        ("-m,not foreign,tests/docker/test_g.py", "bubblewrap patch make docker.io debootstrap"),
    ],
)
def test_tests_that_are_named_have_only_what_they_need_set_up(
    clone: Path, tools: Path, arguments: str, missing: str
) -> None:
    set_up(clone)
    (clone / ".venv" / "set-up-for-test").unlink()
    for folder in ("store", "docker"):
        (clone / "tests" / folder).mkdir(parents=True)
    for name in ("test_f.py", "store/test_f.py", "docker/test_f.py"):
        (clone / "tests" / name).write_text("# docker, postgres and a browser are only words here")
    (clone / "tests" / "docker" / "test_g.py").write_text("# first_stage\n")
    (clone / "tests" / "needs.txt").write_text(
        "# docker tests\npostgres tests/store/test_f.py\n"
        "docker tests/docker/test_f.py\ndocker tests/docker/test_g.py\n"
    )
    (tools / "id").unlink()
    put(tools, "id", "echo 0")
    for name in ("tr", "grep"):
        put(tools, name, f'exec /usr/bin/{name} "$@"')
    put(tools, "git", "exit 0")
    put(tools, "python3", "exit 0")
    put(tools, "apt-get", "exit 100")

    done = run(clone, tools, "test", *arguments.split(","))

    assert f"run: apt-get install -y {missing}\n" in done.stderr
