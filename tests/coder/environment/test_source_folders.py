"""The project's own packages are imported from the copy, not from the folder that was installed."""

from pathlib import Path

import pytest

from coder.environment.run_policy import source_folders


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where the packages of the project's virtual environment are."""
    folder = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def test_src_with_modules_is_imported_from(tmp_path: Path) -> None:
    assert source_folders(tmp_path, ["src/pkg/__init__.py", "tests/test_a.py"]) == ("src",)


@pytest.mark.parametrize("files", [["src/__init__.py", "src/a.py"], ["src/main.rs"], ["main.py"], []])
def test_a_src_that_is_a_package_or_holds_no_python_is_not(tmp_path: Path, files: list[str]) -> None:
    assert source_folders(tmp_path, files) == ()


def test_where_an_editable_install_leads_to_is_imported_from(tmp_path: Path, site: Path) -> None:
    (site / "_pkg.pth").write_text(f"import evil; evil.run()\n{tmp_path}/lib/python\n/usr/lib\n")
    (site / "__editable___other_1_finder.py").write_text(
        f"MAPPING: dict[str, str] = {{'other': '{tmp_path}/packages/other'}}\n"
    )
    files = ["lib/python/pkg/a.py", "packages/other/__init__.py", "setup.py"]

    assert source_folders(tmp_path, files) == ("packages", "lib/python")


def test_what_leads_out_of_the_folder_or_to_nothing_is_left_out(tmp_path: Path, site: Path) -> None:
    (site / "a.pth").write_text(f"{tmp_path.parent}\n{tmp_path}/gone\n../..\n\0\n")
    (site / "__editable___b_finder.py").write_text("MAPPING = {'b': open('/etc/passwd')}\n")

    assert source_folders(tmp_path, ["main.py"]) == ()
