"""Models are opened: what is imported ahead of their first calls, and when."""

import subprocess
import sys

import pytest

_WARM = """
import asyncio, sys, threading, time
from coder.models.find_model import resolve
from coder.models.roles import Roles, warm

async def main():
    warm(Roles(main=await resolve("toy", base_url="http://127.0.0.1:9/v1", environ={})))
    time.sleep(0.2)  # the run works, and doesn't wait
    print("openai" in sys.modules, threading.active_count())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for thread in threading.enumerate()[1:]:
        await asyncio.to_thread(thread.join)
    print(*(name in sys.modules for name in ("openai", "coder.models.http_bounds", "httpcore2", "tenacity")))

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_client_is_imported_in_a_thread_once_the_run_waits() -> None:
    done = subprocess.run([sys.executable, "-c", _WARM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "1", "True", "True", "True", "True"]


_SYSTEM = """
import platform, sys
from coder.models.roles import _prepare_first_call

_prepare_first_call(["chat"])
sys.addaudithook(lambda event, args: print(event) if event == "subprocess.Popen" else None)
print(platform.platform() != "")
"""


@pytest.mark.slow
def test_the_client_starts_no_program_to_learn_the_system_before_its_first_call() -> None:
    done = subprocess.run([sys.executable, "-c", _SYSTEM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True"]
