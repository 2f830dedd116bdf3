"""A plugin of pytest: `instant` marks tests that start nothing, neither a sandbox nor a program nor a server.

It is derived from names in the code of a test and its fixtures, and of our functions and classes behind them.
A test that starts something which no name shows fails, and is told to use the fixture `starts_something`.
"""

import functools
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from types import CodeType, FunctionType, MethodType, ModuleType

import pytest

OURS = ("tests", "coder", "sandbox", "benchmarks")
STARTERS = frozenset(
    f"{module}.{name}"
    for module, names in {
        "subprocess": ("Popen", "run", "call", "check_call", "check_output"),
        "posix": ("fork", "forkpty", "posix_spawn", "execv", "execve"),
        "pty": ("fork", "spawn"),
        "asyncio.subprocess": ("create_subprocess_exec", "create_subprocess_shell"),
        "asyncio.streams": ("start_server", "start_unix_server", "open_connection", "open_unix_connection"),
        "socket": ("create_server", "create_connection"),
        "sandbox.open": ("open_sandbox",),
        "benchmarks.judge.judge": ("open_judge",),
        "coder.engine.chat.opening": ("open_session",),
        "coder.tools.mcp_client": ("McpServer",),
        "tests.sandbox_pool": ("keep_sandboxes", "open_kept"),
        "tests.coder.people.cli.console": ("Console",),
        "tests.faulty_endpoint": ("unused_port",),
        "tests.instant": ("starts_something",),
    }.items()
    for name in names
)
"""What starts something, or lends what another test has started."""
STARTING_MODULES = frozenset(
    {"docker", "http.server", "moto", "multiprocessing", "playwright", "socketserver", "werkzeug"}
)
STARTING_METHODS = frozenset(
    {"create_server", "create_unix_server", "getfixturevalue", "subprocess_exec", "subprocess_shell"}
)
"""Names that say so whatever has them; of a fixture that is chosen later, no name says what it starts."""
EVENTS = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
    | {"socket.bind", "socket.connect"}
)
"""Python's audit events of what an instant test doesn't do."""
_ENTRIES = frozenset({"__init__", "__post_init__", "__enter__", "__aenter__", "__call__", "__iter__"})
"""Methods that are called without their names."""

_events: list[str] = []
"""What the test of this process has done of it."""


@pytest.fixture
def starts_something() -> None:
    """Mark a test that starts a program or a server in ways that no name shows."""


@functools.cache
def _listen() -> None:
    """Note such events from now on: Python never removes a hook."""

    def note(event: str, arguments: tuple[object, ...]) -> None:
        # Other threads may be those of servers that outlive their test.
        if event in EVENTS and threading.current_thread() is threading.main_thread():
            _events.append(f"{event} {arguments[:2]}"[:200])

    sys.addaudithook(note)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark an instant test where a run is of these: it takes a moment to find out."""
    if "instant" in item.config.option.markexpr and is_instant(item):
        item.add_marker("instant")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Generator[None]:
    _listen()
    _events.clear()
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    yield
    if _events and is_instant(item):
        pytest.fail(
            f"{_events[0]}: no name shows that, so let it use the fixture starts_something", pytrace=False
        )


def is_instant(item: pytest.Item) -> bool:
    """Say whether a test is fast, and by its names starts nothing."""
    if not isinstance(item, pytest.Function) or any(map(item.get_closest_marker, ("slow", "foreign"))):
        return False
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    fixtures = [one.func for found in item._fixtureinfo.name2fixturedefs.values() for one in found]
    return not any(map(starts, (item.function, *fixtures, *filter(callable, parameters))))


@functools.cache
def starts(one: object) -> bool:
    """Say whether a function or class starts something, as far as names show."""
    waiting: list[tuple[object, frozenset[str]]] = [(one, frozenset())]
    seen = dict[tuple[int, frozenset[str]], object]()  # with the objects, so that no later one gets their ids
    while waiting:
        one, asked = waiting.pop()
        one = _behind(one)
        key = (id(one), frozenset() if isinstance(one, FunctionType) else asked)
        if key in seen:
            continue
        seen[key] = one
        place, name = str(getattr(one, "__module__", "")), str(getattr(one, "__name__", ""))
        if not isinstance(one, ModuleType) and (f"{place}.{name}" in STARTERS or _is_starting(place)):
            return True
        if isinstance(one, FunctionType) and _is_ours(place):
            names = _names(one.__code__)
            if names & STARTING_METHODS or any(map(_starts_by_import, names)):
                return True
            waiting += [(value, names) for value in _named_by(one, names)]
        elif isinstance(one, type):
            waiting += [(value, asked) for value in _methods(one, asked)]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += [(value, asked) for value in one]
        elif isinstance(one, dict):
            waiting += [(value, asked) for value in one.values()]
        elif _is_ours(str(type(one).__module__)):
            waiting.append((type(one), asked))
    return False


def _behind(one: object) -> object:
    """Return what a partial, a decorated function, a method or a property calls."""
    while True:
        if isinstance(one, functools.partial):
            one = one.func
        elif isinstance(one, staticmethod | classmethod | MethodType):
            one = one.__func__
        elif isinstance(one, property):
            one = one.fget
        elif isinstance(one, FunctionType | functools._lru_cache_wrapper) and hasattr(one, "__wrapped__"):
            one = one.__wrapped__
        elif isinstance(one, FunctionType) and hasattr(one, "hypothesis"):
            one = one.hypothesis.inner_test
        else:
            return one


@functools.cache
def _names(code: CodeType) -> frozenset[str]:
    """Return the names of globals, attributes and modules in a piece of code, and in those within it."""
    within = (_names(value) for value in code.co_consts if isinstance(value, CodeType))
    return frozenset(code.co_names).union(*within)


def _named_by(function: FunctionType, names: frozenset[str]) -> Iterator[object]:
    """Yield what the names in a function stand for; of a module, what these name in it."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty yet
            yield cell.cell_contents
    for name in names:
        value = function.__globals__.get(name, sys.modules.get(name))
        if isinstance(value, ModuleType):
            yield from (vars(value)[one] for one in names & vars(value).keys())
        elif value is not None:
            yield value


def _starts_by_import(name: str) -> bool:
    return "." in name and _is_starting(name)


def _methods(one: type, asked: frozenset[str]) -> Iterator[object]:
    """Yield the methods of a class that are called in any case, or asked for, also by other methods of it."""
    waiting, seen = {*asked, *_ENTRIES}, set[str]()
    members = {name: value for parent in reversed(one.__mro__) for name, value in _members(parent)}
    while names := waiting & members.keys() - seen:
        seen |= names
        for name in names:
            yield members[name]
            code = getattr(_behind(members[name]), "__code__", None)
            waiting |= _names(code) if isinstance(code, CodeType) else frozenset()


def _members(parent: type) -> Iterator[tuple[str, object]]:
    module = str(parent.__module__)
    if _is_ours(module):
        yield from vars(parent).items()
    elif _is_starting(module):
        yield "__init__", parent


def _is_starting(module: str) -> bool:
    return not STARTING_MODULES.isdisjoint((module, _package(module)))


def _is_ours(module: str) -> bool:
    # pytest imports a test whose folder is no package by its name alone.
    return _package(module) in OURS or module.rpartition(".")[2].startswith(("test_", "conftest"))


def _package(module: str) -> str:
    return module.partition(".")[0]
