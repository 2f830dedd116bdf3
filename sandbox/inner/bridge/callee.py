"""The candidate's side of a call: load its modules and perform the other side's requests on its objects.

Once the candidate's code is imported, this process is untrusted. So it decides no test and holds no secret;
the other side takes plain values, and builds its own from them.

A request is a tuple: an operation's name and its operands. The answer is ("value", value, changes, printed),
("raised", error, where, origin, changes, printed) or ("unsent", why, changes, printed). Any number of
("ask", operation, operands…) may precede it, each answered by
("answer", value, changes) or ("threw", error, changes).
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from functools import reduce
from types import ModuleType
from typing import Any

from sandbox.inner.bridge.aliases import Aliases
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.foreign import Foreign, foreign, own_instance
from sandbox.inner.bridge.loading import last_frames, load_module, origin_of, text_of, truth_of
from sandbox.inner.bridge.metadata import kind_of, metadata_of
from sandbox.inner.bridge.operators import OPERATORS, fields_of, operators_of
from sandbox.inner.bridge.own_tests import run_own_tests
from sandbox.inner.bridge.plain_copies import Parts, copied, copied_of, is_record, plain, reference_kind
from sandbox.inner.bridge.printed import Printed
from sandbox.inner.bridge.receiving import value_of
from sandbox.inner.bridge.standard import from_parts, to_parts
from sandbox.inner.bridge.writeback import Writeback, awaited, mutable_containers, resume, write_back
from sandbox.inner.process.execute import forget_server
from sandbox.inner.process.wire import Channel


class Callee:
    """Serve one channel until the other side closes it."""

    def __init__(self, channel: Channel, arguments: Mapping[str, Any]) -> None:
        self._channel = channel
        self._kinds: Collection[str] | None = arguments.get("kinds")
        self._modules = dict(arguments.get("modules", {}))
        self._loaded: list[ModuleType] = []
        self._write_back: bool | None = arguments.get("write_back")
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._foreign: dict[int, object] = {}
        self._thrown: dict[int, int] = {}
        self._printed = Printed()
        self._aliases = Aliases()
        self._turn = threading.Lock()
        """Lock for requests to the other side, which several threads may make."""
        self._loan = Writeback(())
        """Copies of the other side's containers during the current request."""
        self._given_containers: list[Any] = []
        """Containers of this side that an object of the other side received."""
        self._operations: dict[str, Callable[..., object]] = {
            "import": self._import,
            "get": getattr,
            "set": setattr,
            "delete": delattr,
            "call": lambda function, args, kwargs: function(*args, **kwargs),
            "find": lambda path: (self._look_up(path), None)[1],
            "run": lambda path, args, kwargs: self._look_up(path)(*args, **kwargs),
            "resume": resume,
            "await": awaited,
            "describe": self._describe,
            "metadata": metadata_of,
            "plain": plain,
            "test": run_own_tests,
            "missing": lambda number, key: value_of(self._objects[number], key),
            **OPERATORS,
        }

    def serve(self) -> None:
        """Answer requests until the channel closes."""
        while True:
            frame = self._channel.receive()
            if frame is None:
                return
            self._channel.send(self._answer(decode(frame, resolve=self._resolve)))

    def _answer(self, request: tuple[Any, ...]) -> bytes:
        operation, *operands = request
        outer, self._loan = self._loan, Writeback(() if self._write_back is None else request)
        self._aliases.begin()
        try:
            return self._frame(("value", self._operations[operation](*operands)), self._loan)
        except BaseException as error:  # noqa: BLE001 - any exception of the candidate is its answer
            return self._frame(("raised", error, last_frames(error), origin_of(error)), self._loan)
        finally:
            self._loan = outer

    def _frame(self, outcome: tuple[object, ...], loan: Writeback) -> bytes:
        # Copying a value may change and print more, as its items are taken during encoding.
        changes = Parts(lambda: ("copy", loan.changes() if self._write_back else bool(loan.changes())))
        printed = Parts(lambda: ("copy", self._printed.take()))
        payloads = loan.known() if self._write_back or not loan.changes() else None
        try:
            return encode(
                (*outcome, changes, printed), refer=self._refer, known=payloads, aliases=self._aliases
            )
        except CodecError as error:
            return encode(("unsent", str(error), (), self._printed.take()))

    def ask(self, operation: str, *operands: object) -> Any:
        """Request an operation on an object of the other side, serving its requests. Raises its error."""
        frame = encode(("ask", operation, *operands), refer=self._refer)
        containers = mutable_containers(operands)
        with self._turn:
            message = self._exchange(frame, containers)
        if message[0] == "threw":
            raise message[1]
        if self._write_back is not None:
            self._loan.lend(message[1], own=[*map(id, containers)])
        return message[1]

    def _exchange(self, frame: bytes, containers: list[Any]) -> tuple[Any, ...]:
        """Send a request; serve the other side's requests until its answer arrives."""
        self._channel.send(frame)
        while True:
            frame_received = self._channel.receive()
            if frame_received is None:
                os._exit(0)  # the other side is gone
            self._given_containers = containers
            message: tuple[Any, ...] = decode(frame_received, resolve=self._resolve)
            if message[0] in ("answer", "threw"):
                write_back(containers, message[2])
                return message
            self._turn.release()  # what it calls may ask
            try:
                answer = self._answer(message)
            finally:
                self._turn.acquire()
            self._channel.send(answer)

    def _refer(self, value: Any) -> object:
        kind = type(value)
        if issubclass(kind, Foreign):
            return ("yours", Foreign.number_of(value))
        if self._numbers.get(id(value)) in self._thrown:
            return ("yours", self._thrown[self._numbers[id(value)]])
        parts = value.make() if kind is Parts else self._parts(value)
        if parts is not None:
            return parts
        number = self._number(value)
        if issubclass(kind, type):
            if self._kinds is not None and "function" in self._kinds and not issubclass(value, BaseException):
                return (
                    "function",
                    number,
                    value.__name__,
                    "",
                )  # tests only call it, and its results are checked
            return ("class", number)
        if issubclass(kind, BaseException):
            return ("error", number, kind, value.args, text_of(value))
        reference = reference_kind(kind, self._kinds)
        if reference == "generator" and not hasattr(kind, "__next__") and not hasattr(kind, "send"):
            return (reference, self._number(iter(value)))
        if reference is not None:
            names = [getattr(value, "__name__", "")] if reference in ("function", "module") else []
            names += [kind_of(value)] if reference == "function" else []
            return (reference, number, *(name if type(name) is str else "" for name in names))
        if fields_of(kind) is not None or (self._kinds is not None and is_record(kind)):
            return ("record", self._number(kind), tuple(tuple.__iter__(value)))
        return ("object", number, self._number(kind), *(() if self._kinds is None else (truth_of(value),)))

    def _parts(self, value: Any) -> tuple[object, ...] | None:
        """Return the payload of a standard value or, if no objects may cross, of a plain copy; else None."""
        copy_parts = None if self._kinds is None else copied(value, self._kinds)
        if copy_parts is not None and copy_parts[0] == "missing":
            return ("missing", self._number(value), *copy_parts[1:])
        return to_parts(value) if copy_parts is None else copy_parts

    def _resolve(self, payload: Any) -> object:
        kind, *rest = payload
        if kind == "object":
            return self._objects[rest[0]]
        if kind in ("mine", "shared"):
            if rest[0] not in self._foreign:
                make = foreign if kind == "mine" else own_instance(self._loaded)
                stand_in = make(self.ask, *rest)
                if not issubclass(type(stand_in), Foreign):
                    self._thrown[self._number(stand_in)] = rest[0]
                self._foreign[rest[0]] = stand_in
            return self._foreign[rest[0]]
        if kind == "lent":
            return self._loan.containers[rest[0]]
        if kind == "given":
            return self._given_containers[rest[0]]
        if kind == "error":
            return self._rebuild_error(*rest)
        if kind == "record":
            return tuple.__new__(self._objects[rest[0]], rest[1])
        return from_parts(payload)

    def _rebuild_error(self, number: int, base: type, args: tuple[object, ...], name: str) -> BaseException:
        """Rebuild the other side's exception as the nearest class known here."""
        error: BaseException = (base if base.__name__ == name else type(name, (base,), {}))(*args)
        self._thrown[self._number(error)] = number
        return error

    def _number(self, value: object) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def _import(self, name: str, folders: Collection[str] = ()) -> ModuleType:
        """Import a module; search `folders` of the workspace last."""
        paths = (os.path.join(os.getcwd(), folder) for folder in folders)
        sys.path.extend(path for path in paths if path not in sys.path)
        source = self._modules.pop(name, None)
        if source is None:
            return importlib.import_module(name)
        self._loaded.append(load_module(name, source))
        return self._loaded[-1]

    def _look_up(self, path: str) -> Any:
        """Look up `module:name`."""
        module, _, names = path.partition(":")
        return reduce(getattr, names.split("."), self._import(module))

    def _describe(self, cls: type) -> tuple[object, ...]:
        bases = [base for base in cls.__bases__ if base is not object]
        names = (cls.__name__, cls.__qualname__, cls.__module__)
        operators = (operators_of(cls), operators_of(type(cls)), copied_of(cls))
        fields = () if self._kinds is not None and is_record(cls) else None
        return (*names, bases, *operators, fields_of(cls) or fields)


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Serve the modules of the current folder; `arguments` as for `serve`."""
    forget_server()  # a candidate's module may be called `sandbox`
    folder_here, python_path = os.getcwd(), os.environ.get("PYTHONPATH", "")
    sys.path[:0] = [
        folder_here,
        *(os.path.join(folder_here, folder) for folder in python_path.split(os.pathsep) if folder),
    ]
    serve(channel, arguments)


def serve(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Answer requests until the channel closes.

    Args:
        arguments: `write_back`: report changes to lent arguments (False: only whether there are any, None:
            nothing); `modules`: sources by name of modules without files; `kinds`: kinds of references
            that may cross; anything else is copied.
    """
    Callee(channel, arguments).serve()
