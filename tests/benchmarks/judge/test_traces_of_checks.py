"""A check of isolated tests, in sandboxes shared with others, leaves nothing to the next or one beside it."""

import asyncio

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

BASE = {"traces.py": "def find():\n    raise NotImplementedError\n"}
GOLD = {"traces.py": "def find():\n    return []\n"}
TESTS = {"test_traces.py": "import traces\n\n\ndef test_find():\n    assert traces.find() == []\n"}
COMMON = """\
import ctypes, os, socket, time

PLACES = ["left", "/tmp/left", "/dev/shm/left", "/w/conftest.py"]
KEY, SIZE, CREATE = 0x7EAC, 4096, 0o1666
libc = ctypes.CDLL(None, use_errno=True)


def leave():
    for place in PLACES:
        with open(place, "w") as file:
            file.write("left")
    libc.shmget(KEY, SIZE, CREATE)
    address = socket.socket(socket.AF_UNIX)
    address.bind("\\0left")
    address.listen()
    port = socket.socket()
    port.bind(("127.0.0.1", 8765))
    port.listen()
    os.set_inheritable(address.fileno(), True)
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    globals()["kept"] = address, port


def connects(family, to):
    try:
        socket.socket(family).connect(to)
    except OSError:
        return False
    return True


def look():
    found = [place for place in PLACES if os.path.exists(place)]
    found += ["memory"] if libc.shmget(KEY, SIZE, 0) >= 0 else []
    found += ["address"] if connects(socket.AF_UNIX, "\\0left") else []
    found += ["port"] if connects(socket.AF_INET, ("127.0.0.1", 8765)) else []
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) > os.getpid()]
    return found + (["process"] if others else [])


"""
LEAVES = COMMON + "def find():\n    leave()\n    return []\n"
STAYS = COMMON + "def find():\n    leave()\n    time.sleep(5)\n    return []\n"
LOOKS = COMMON + (
    "def find():\n    end = time.monotonic() + 2\n    found = []\n"
    "    while not found and time.monotonic() < end:\n        found = look()\n        time.sleep(0.1)\n"
    "    return found\n"
)
LEAVES_AND_LOOKS = COMMON + "def find():\n    leave()\n    return look()\n"


def case() -> RepositoryCase:
    return RepositoryCase(
        id="traces",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests=TESTS,
        gold_patch=diff(BASE, GOLD),
        timeout_s=20,
    )


def answer(source: str) -> str:
    return diff(BASE, {"traces.py": source})


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


async def test_what_an_answer_leaves_is_seen_within_its_own_check(judge: Judge) -> None:
    both = await judge.judge(case(), answer(LEAVES_AND_LOOKS))

    assert (both.verdict, both.strength) == ("failed", "strong")
    for trace in ("left", "/tmp/left", "/dev/shm/left", "memory", "address", "port", "process"):
        assert f"'{trace}'" in both.detail, both.detail


async def test_what_an_answer_leaves_is_gone_at_the_next_check(judge: Judge) -> None:
    before = await judge.judge(case(), answer(LEAVES))
    pair = await judge.sandboxes()
    after = await judge.judge(case(), answer(LOOKS))

    assert (before.verdict, after.verdict) == ("passed", "passed"), (before.detail, after.detail)
    assert await judge.sandboxes() is pair
    assert [*await pair.candidate.list("."), *await pair.checker.list(".")] == []


async def test_a_check_sees_nothing_of_another_beside_it(judge: Judge) -> None:
    stays, looks = await asyncio.gather(
        judge.judge(case(), answer(STAYS)), judge.judge(case(), answer(LOOKS))
    )

    assert (stays.verdict, looks.verdict) == ("passed", "passed"), (stays.detail, looks.detail)
