"""Kernels from their start to their end: what there must be, how many there may be, what is left of them."""

import asyncio
import subprocess
import sys
import uuid
import venv
from pathlib import Path

import pytest

import sandbox
from sandbox import BackendMissing, Policy, open_kernel, open_sandbox, session_policy
from sandbox.interpreter.interpreter import describe
from sandbox.kernel import Kernel
from sandbox.kernel.kernel import install_command, require_kernel, run_cells
from tests.ordinary_user import run_as_ordinary_user
from tests.processes import processes_with
from tests.sandbox.kernel.conftest import policy_for
from tests.system_python import SYSTEM_PYTHON


@pytest.mark.slow
async def test_two_kernels_at_once_share_nothing(backend: str) -> None:
    policy = policy_for(backend)
    async with open_kernel(policy, backend=backend) as one, open_kernel(policy, backend=backend) as other:
        await asyncio.gather(one.execute("mine = 1"), other.execute("mine = 2"))

        first, second = await asyncio.gather(one.execute("mine"), other.execute("mine"))

    assert (first.result.output, second.result.output) == ("1\n", "2\n")


async def test_a_sandbox_without_ipykernel_says_how_to_get_it() -> None:
    async with open_sandbox(backend="bubblewrap") as box:
        if (await box.run(sandbox.PythonCode(source="import ipykernel"))).ok:
            pytest.skip("the base interpreter has ipykernel")

        with pytest.raises(BackendMissing, match="-m pip install ipykernel jupyter_client"):
            await require_kernel(box, Policy())
        async with box.session(fresh=True) as session:
            with pytest.raises(BackendMissing, match="there is no ipykernel"):
                await Kernel(session).execute("1")


@pytest.mark.slow
async def test_a_program_imports_its_own_package_named_sandbox(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "venv").glob("lib/python3.*/site-packages")
    (packages / "sandbox").mkdir()
    (packages / "sandbox" / "__init__.py").write_text("name = 'not ours'\n")
    policy = session_policy(python=tmp_path / "venv" / "bin" / "python")

    async with open_kernel(policy, backend="bubblewrap") as kernel:
        cell = await kernel.execute("import sandbox\nprint(sandbox.name)")

    assert cell.result.output == "not ours\n"


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
async def test_a_backend_that_shows_none_of_our_packages_says_so() -> None:
    async with open_sandbox(Policy(python=SYSTEM_PYTHON, kernel=True), backend="container") as box:
        with pytest.raises(BackendMissing, match="'container' has no kernels"):
            await require_kernel(box, Policy())


@pytest.mark.slow
async def test_programs_beside_a_kernel_see_none_of_its_packages() -> None:
    async with open_kernel(backend="bubblewrap") as kernel:
        listing = (await kernel.execute("import os\nsorted(os.listdir('/opt/kernel'))")).result.output
        cell = await kernel.execute("import coder")

        beside = await kernel.session.python("import sys\nprint('/opt/kernel' in sys.path)")

    assert "'ipykernel'" in listing
    assert not {"'pytest'", "'docker'", "'pydantic'", "'openai'"} & set(listing.split(", "))
    assert "ModuleNotFoundError" in cell.result.output
    assert beside.output == "False\n"


def test_the_sandbox_package_itself_loads_no_kernel() -> None:
    script = "import sys, sandbox; print([name for name in sys.modules if 'kernel' in name])"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"


@pytest.mark.slow
async def test_every_kernel_ends_with_its_block(backend: str) -> None:
    tag = f"kernel-{uuid.uuid4().hex}"
    async with open_kernel(policy_for(backend), backend=backend) as kernel:
        await kernel.execute(f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1000 # {tag}'])")

    assert processes_with(tag) == []


@pytest.mark.slow
async def test_a_restart_ends_what_the_cells_left_running(backend: str) -> None:
    tag = f"kernel-{uuid.uuid4().hex}"
    program = ["sh", "-c", f"while :; do sleep 1; done # {tag}"]
    async with open_kernel(policy_for(backend), backend=backend) as kernel:
        await kernel.execute(f"import subprocess\nsubprocess.Popen({program})")
        await kernel.execute(f"subprocess.Popen({program}, start_new_session=True)")
        assert len(processes_with(tag)) >= 2  # a shell about to become `sleep` counts too

        await kernel.restart()

        assert processes_with(tag) == []
        assert "NameError" in (await kernel.execute("subprocess")).result.output


@pytest.mark.slow
def test_an_ordinary_user_has_kernels_too() -> None:
    script = """
import asyncio
from sandbox import open_kernel
async def main():
    async with open_kernel(backend="bubblewrap") as kernel:
        await kernel.execute("x = 6")
        print((await kernel.execute("x * 7")).result.output, end="")
        stuck = await kernel.execute("import time; time.sleep(60)", wall_s=1)
        print(stuck.result.status, stuck.state_lost)
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "42\ntimeout False\n", ended.stderr[-2000:]


@pytest.mark.slow
async def test_cells_that_run_as_one_program_have_its_limits_and_streams() -> None:
    cells = ("x = 6", "import sys\nprint(x * 7)\nprint('err', file=sys.stderr)", "exit()", "print('never')")
    async with open_sandbox(Policy(kernel=True), backend="bubblewrap") as box:
        ended = await run_cells(box, cells, fresh=True)
    async with open_sandbox(Policy(kernel=True, wall_s=1), backend="bubblewrap") as box:
        late = await run_cells(box, ["import time; time.sleep(60)"], fresh=True)

    assert (ended.status, ended.stdout, ended.stderr, ended.artifacts) == ("ok", "42\n", "err\n", ())
    assert late.status == "timeout"


def test_our_own_python_is_to_get_the_packages_where_a_system_python_of_its_version_borrows_them() -> None:
    borrows = describe(SYSTEM_PYTHON).version == sys.version_info[:2]

    command = install_command("bubblewrap", SYSTEM_PYTHON)

    assert command.startswith(sys.executable if borrows else str(SYSTEM_PYTHON))
    assert command.endswith(" -m pip install ipykernel jupyter_client")
    assert install_command("docker", None) == "coder sandbox build"


def test_a_session_has_room_for_a_kernel() -> None:
    assert session_policy().processes >= 64
