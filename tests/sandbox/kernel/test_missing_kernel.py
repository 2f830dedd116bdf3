"""What to say where there is no ipykernel."""

import sys

from sandbox.interpreter.interpreter import describe
from sandbox.kernel.missing_kernel import install_command
from tests.system_python import SYSTEM_PYTHON


def test_our_own_python_is_to_get_the_packages_where_a_system_python_of_its_version_borrows_them() -> None:
    borrows = describe(SYSTEM_PYTHON).version == sys.version_info[:2]

    command = install_command("bubblewrap", SYSTEM_PYTHON)

    assert command.startswith(sys.executable if borrows else str(SYSTEM_PYTHON))
    assert command.endswith(" -m pip install ipykernel jupyter_client")


def test_a_container_gets_them_with_its_image() -> None:
    assert install_command("docker", None) == "coder sandbox build"


def test_nothing_is_lent_where_no_wall_shows_it() -> None:
    assert install_command("restricted", SYSTEM_PYTHON).startswith(f"{describe(SYSTEM_PYTHON).path} -m pip ")
