"""Whatever a path says, and whatever links a program left: nothing is reached outside of the workspace."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import FileRefused
from sandbox.files.listing import check_folder, describe_entry, list_folder
from sandbox.files.workspace import Workspace

NAMES = st.one_of(
    st.sampled_from(["..", ".", "", "out", "folder", "secret", "file", "\0", "x" * 300, "\udcff"]),
    st.text(max_size=4),
)
PATHS = st.builds(
    lambda start, names: start + "/".join(names),
    st.sampled_from(["", "/", "//", "./"]),
    st.lists(NAMES, max_size=5),
)
ACTS: dict[str, Callable[[Workspace, str], object]] = {
    "write": lambda workspace, path: workspace.write(path, b"written", executable=False),
    "append": lambda workspace, path: workspace.append(path, b"written"),
    "make_folder": lambda workspace, path: workspace.make_folder(path),
    "remove": lambda workspace, path: workspace.remove(path),
    "read": lambda workspace, path: workspace.read(path, limit=99),
    "list": lambda workspace, path: list_folder(workspace.below, path),
    "stat": lambda workspace, path: describe_entry(workspace.below, path),
    "enter": lambda workspace, path: check_folder(workspace.below, path),
}


@pytest.mark.slow
@given(act=st.sampled_from(sorted(ACTS)), path=PATHS)
def test_no_path_leads_out_of_the_workspace(act: str, path: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        inside, outside = Path(place, "inside"), Path(place, "outside")
        (inside / "folder").mkdir(parents=True)
        outside.mkdir()
        (outside / "secret").write_text("secret")
        os.link(outside / "secret", inside / "secret")
        for name in ("out", "folder/out"):
            (inside / name).symlink_to(outside)
        workspace = Workspace(os.open(inside, os.O_PATH), os.geteuid())
        try:
            answer = ACTS[act](workspace, path)
        except FileRefused:
            answer = None
        finally:
            workspace.close()

        assert sorted(os.listdir(place)) == ["inside", "outside"]
        assert os.listdir(outside) == ["secret"]
        assert (outside / "secret").read_text() == "secret"
        assert answer != b"secret"
