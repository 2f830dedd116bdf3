"""`coder sandbox`: what keeps programs in here, and Docker's image."""

import json
import re
from pathlib import Path

import pytest

from sandbox.supervisor.owner import this_process
from tests.coder.people.cli.console import Console
from tests.docker_engine import turn_to_reap

GUARANTEES = {"memory", "processes", "network", "host files", "privileges", "system calls", "nothing left"}


@pytest.mark.slow
def test_the_doctor_names_what_keeps_each_guarantee(console: Console) -> None:
    done = console.run("sandbox", "doctor")

    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "✓ programs run in bubblewrap"
    for guarantee in GUARANTEES:
        assert f"    ✓ {guarantee}" in done.out or f"    ~ {guarantee}" in done.out


@pytest.mark.slow
def test_the_doctor_gives_the_same_as_one_json_document(console: Console) -> None:
    document = json.loads(console.run("sandbox", "doctor", "--json").out)

    by_name = {report["name"]: report for report in document["backends"]}
    kept = {each["guarantee"]: each["mechanism"] for each in by_name["bubblewrap"]["capabilities"]}
    assert (document["ready"], document["auto"]) == (True, "bubblewrap")
    assert by_name["bubblewrap"]["works"]
    assert kept.keys() >= GUARANTEES


@pytest.mark.slow
def test_the_doctor_says_of_one_backend_what_would_help(console: Console, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"

    done = console.run("sandbox", "doctor", "--backend", "docker", DOCKER_HOST=nowhere)

    assert done.code == 5
    assert done.out.splitlines()[0] == "✗ programs can't run in docker"
    assert "DOCKER_HOST" in done.out
    assert "bubblewrap" not in done.out


@pytest.mark.slow
@pytest.mark.usefixtures("docker_engine")
def test_an_image_that_is_missing_is_named_with_the_command_that_builds_it(console: Console) -> None:
    done = console.run("sandbox", "doctor", "--backend", "docker", "--image", "coder-test-nothing:here")

    assert done.code == 5
    assert "coder sandbox build --tag coder-test-nothing:here" in done.out


@pytest.mark.slow
def test_where_nothing_works_the_doctor_says_what_to_install(console: Console, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    nowhere = f"unix://{tmp_path}/no.sock"

    done = console.run("sandbox", "doctor", PATH=str(tmp_path / "bin"), DOCKER_HOST=nowhere)

    assert done.code == 5
    assert done.out.splitlines()[0] == "✗ programs can't run here"
    assert "next  sudo apt-get install bubblewrap" in done.out


@pytest.mark.slow
def test_a_backend_that_nobody_offers_is_refused_with_those_that_are(console: Console) -> None:
    done = console.run("sandbox", "doctor", "--backend", "dokker")

    assert done.code == 2
    assert "bubblewrap" in done.err
    assert "docker" in done.err


def test_an_image_is_not_built_without_an_engine(console: Console, tmp_path: Path) -> None:
    done = console.run("sandbox", "build", DOCKER_HOST=f"unix://{tmp_path}/no.sock")

    assert (done.code, done.out) == (5, "")
    assert "DOCKER_HOST" in done.err


@pytest.mark.parametrize("flag", ["--wheels", "--requirements"])
def test_a_place_that_is_not_there_is_named_before_anything_is_built(
    console: Console, tmp_path: Path, flag: str
) -> None:
    done = console.run("sandbox", "build", flag, str(tmp_path / "nothing"))

    assert done.code == 2
    assert f"'{flag}'" in done.err
    assert "does not exist" in done.err


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize(
    ("no_color", "shown"),
    [("", "━ 0/? looking for localhost:1/none:0"), ("1", "looking for localhost:1/none:0")],
)
def test_a_terminal_shows_what_a_build_does_and_then_its_error(
    console: Console, no_color: str, shown: str
) -> None:
    nowhere = ("--base", "localhost:1/none:0")

    done = console.on_terminal("sandbox", "build", *nowhere, columns=100, NO_COLOR=no_color)

    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.out)
    assert done.code == 5
    assert text.index(shown) < text.index("can't be pulled")


def test_a_base_is_made_or_named_but_not_both(console: Console) -> None:
    done = console.run("sandbox", "build", "--from-debian", "--base", "x")

    assert done.code == 2
    assert "--from-debian makes the base itself" in done.err


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder that a process made before the machine was started last."""
    folder = tmp_path / "coder-00000000-4026531836-99-1-left"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("x")
    return folder


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_what_a_dead_owner_left_is_removed_and_said(
    console: Console, tmp_path: Path, left: Path, flags: list[str]
) -> None:
    alive = tmp_path / f"coder-{this_process().mark}-alive"
    alive.mkdir()

    with turn_to_reap():
        done = console.run("sandbox", "reap", *flags, TMPDIR=str(tmp_path))

    assert done.code == 0, done.err
    assert f"folder {left}" in done.out
    assert not left.exists()
    assert alive.exists()
    assert str(alive) not in done.out


def test_an_engine_that_no_one_reached_is_said_where_leftovers_are_removed(
    console: Console, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"

    done = console.run("sandbox", "reap", TMPDIR=str(tmp_path), DOCKER_HOST=nowhere)

    assert done.code == 0
    assert "no containers were looked for: No Docker engine answers" in done.err


def test_help_of_each_of_its_commands_is_short_for_everyone(console: Console) -> None:
    for name in ("doctor", "build", "reap"):
        assert f"Usage: coder sandbox {name}" in console.run("sandbox", name, "-h").out
