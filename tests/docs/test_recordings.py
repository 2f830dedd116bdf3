"""Recordings of programs depend on all by which a program runs, and name nothing of the machine."""

import json
import os
import sys
from pathlib import Path

import grimp

from tests import recorded_runs

SANDBOX = Path(__file__).parents[2] / "sandbox"


def test_recordings_depend_on_all_sources_by_which_a_program_runs() -> None:
    graph = grimp.build_graph("sandbox", include_external_packages=False)
    known = {path for place in recorded_runs.SOURCES for path in SANDBOX.glob(place)}
    for start in ("sandbox.backends.bubblewrap", "sandbox.inner.process.spawn_server"):
        for module in graph.find_upstream_modules(start) | {start}:
            path = SANDBOX.parent.joinpath(*module.split("."))
            assert known & {path.with_suffix(".py"), path / "__init__.py"}, module


def test_no_recording_names_a_place_of_the_machine() -> None:
    places = (
        sys.prefix,
        os.path.realpath(sys.base_prefix),
        str(Path.home()),
        str(Path(__file__).parents[2]),
    )
    for file in Path(__file__).parents[1].joinpath("recordings/runs").rglob("*.jsonl"):
        found = [place for place in places if place != "/" and place in file.read_text("utf-8")]
        assert not found, f"{file.name} holds {found[0]}"


def test_each_recording_is_a_line_of_json_of_a_test_module_that_exists() -> None:
    tests = Path(__file__).parents[1]
    folder = tests / "recordings" / "runs"
    for file in folder.rglob("*.jsonl"):
        assert (tests / file.relative_to(folder)).with_suffix(".py").exists()
        assert all("key" in json.loads(line) for line in file.read_text("utf-8").splitlines()[1:])
