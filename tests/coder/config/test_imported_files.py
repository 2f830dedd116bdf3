"""Files that programs import are found by their sources, whatever these are."""

from pathlib import Path

import pytest

from coder.config.imported_files import imported_files


@pytest.mark.parametrize("end", ["", "x = (", f"x = {'-' * 8_000}1", f"x = {'(' * 500}{')' * 500}", "\0"])
def test_a_program_that_can_not_be_parsed_is_no_fault(end: str, tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(f"import helper\n{end}\n")
    (tmp_path / "helper.py").touch()

    found = imported_files([program], tmp_path)

    assert found == (set() if end else {tmp_path / "helper.py"})
