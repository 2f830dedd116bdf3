"""The programs of an agent: each is made, verified, given its job, and ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sandbox.files.resolve_beneath import Beneath
from sandbox.inner.process import wire
from sandbox.inner.process.accounting import Accounts
from sandbox.inner.process.descendants import is_ending, pids, send, status_of
from sandbox.inner.process.tidy import is_tidy
from sandbox.inner.stream import frames
from sandbox.inner.stream.groups import GroupIds, Relatives
from sandbox.inner.stream.pipes import Sink, Source, Watched

_USED = ("memory_kills", "cpu_us", "peak", "kept_bytes", "kept_files")
"""Names of the figures that `Accounts.end` returns, in order."""
_NAMED = 20
"""Maximum processes reported as still running."""
_MESSAGE = 1 << 16
_SPARE = -1
"""Program number of a child made in advance."""
_REASON = 500
"""Bytes of a child's message why it can't start."""


class Program:
    """One program: its descriptors and its state."""

    def __init__(self, number: int, request: dict[str, Any]) -> None:
        self.number, self.request = number, request
        self.pid = 0
        self.work: socket.socket | None = None
        """Our end of the child's own socket, until it has its job."""
        self.inside: list[int] = []
        """Descriptors for the child."""
        self.sources: dict[int, Source] = {}
        self.sinks: dict[int, Sink] = {}
        self.log = -1
        self.log_room = 0
        self.over = self.was_spare = False
        self.on_made: Callable[[], None] | None = None
        """Called once its child was made and killed, if the program was dropped meanwhile."""

    @property
    def stays(self) -> bool:
        """Whether its leftover processes keep running, as for a command of a session."""
        return bool(self.request["stays"])

    def close(self) -> None:
        """Close all descriptors."""
        for source in self.sources.values():
            source.close()
        for sink in self.sinks.values():
            sink.close()
        self.close_inside()
        if self.work is not None:
            self.work.close()
        if self.log >= 0:
            os.close(self.log)
            self.log = -1

    def close_inside(self) -> None:
        """Close our copies of the child's descriptors."""
        for descriptor in self.inside:
            os.close(descriptor)
        self.inside = []

    def write_log(self, content: bytes) -> None:
        """Write the head of its output to a file that later commands can read."""
        kept = content[: self.log_room]
        if kept and self.log >= 0:
            self.log_room -= len(kept)
            with suppress(OSError):  # programs have filled the disk
                os.write(self.log, kept)


class Programs:
    """Starts and ends programs for the host."""

    def __init__(
        self,
        settings: dict[str, Any],
        watched: Watched,
        maker: socket.socket,
        send: Callable[[bytes], None],
        own: Sequence[int],
    ) -> None:
        """`own`: the agent's processes."""
        self._settings, self._watched, self._maker, self._send = settings, watched, maker, send
        self._accounts = Accounts(settings["folders"])
        self._own = set(own)
        self._groups: GroupIds | Relatives = (
            GroupIds() if settings["uid"] is not None else Relatives(self._own)
        )
        self._filters = int(status_of("self").get("Seccomp_filters", "0"))
        self._programs: dict[int, Program] = {}
        self._of_pid: dict[int, Program] = {}
        self._spare: Program | None = None
        """Child made in advance, while nothing else runs: no program can reach it before it is used."""
        self._lacks_spare = False
        self._stays = False
        """Whether the last program was one whose leftovers stay."""
        self._ordered: deque[Program] = deque()
        """Programs whose child is being made."""
        self.files = Beneath(os.open("/", os.O_PATH | os.O_DIRECTORY), settings["uid"] or os.getuid())
        """Gives access to files with the rights of programs."""

    def get(self, number: int) -> Program | None:
        """Return the program of a number; None once it has ended and all its output is sent."""
        return self._programs.get(number)

    def start(self, number: int, request: dict[str, Any]) -> None:
        """Give a program the child made in advance or have one made, with the descriptors that it needs."""
        program = self._programs[number] = self._take_spare(number, request) or Program(number, request)
        self._stays = program.stays
        try:
            self._open_streams(program)
            self._open_log(program)
            if not program.was_spare:
                self._order(program)
        except OSError as error:
            if program in self._ordered:
                program.on_made = lambda: None
            program.was_spare = False
            self._refuse(program, f"no process could be made: {error}")
            return
        if program.was_spare and program.pid:
            self._await_ready(program)

    def _order(self, program: Program) -> None:
        """Have a child made. Raises OSError."""
        own_end, inside = socket.socketpair()
        program.work = own_end
        order = {name: program.request[name] for name in ("tidy", "stays")}
        order["gid"] = self._groups.assign(program.number)
        try:
            wire.send_with_fds(self._maker, json.dumps(order).encode(), [inside.fileno()])
        finally:
            inside.close()
        self._ordered.append(program)

    def order_spare(self) -> None:
        """Have a child made in advance if nothing runs, of the kind that the last program had."""
        if not self._lacks_spare:
            return
        self._lacks_spare = False
        if self._spare is not None or not all(program.over for program in self._programs.values()):
            return
        if not self._own.issuperset(pids()):
            return
        spare = Program(_SPARE, {"tidy": False, "stays": self._stays})
        with suppress(OSError):  # the next program has its own made, and says so
            self._order(spare)
            self._spare = spare

    def _take_spare(self, number: int, request: dict[str, Any]) -> Program | None:
        """Return the child made in advance, or drop it if it doesn't suit the program."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        self._own.discard(spare.pid)
        if request["stays"] != spare.stays or (request["tidy"] and not is_tidy(self._settings["tidy"])):
            self._programs[_SPARE] = spare
            self.drop(_SPARE, None)
            return None
        self._groups.hand_over(_SPARE, number, spare.pid)
        spare.number, spare.request, spare.was_spare = number, request, True
        return spare

    def hear_maker(self) -> None:
        """Handle a message of the process that makes children. Exits if that process is gone."""
        message = self._maker.recv(_MESSAGE)
        if not message:
            os._exit(1)
        news = json.loads(message)
        if "ended" in news:
            program = self._of_pid.pop(news["ended"], None)
            if program is not None:
                self._end(program, news["how"], news["cpu_s"])
            return
        program = self._ordered.popleft()
        if program.on_made is not None:
            if "made" in news:
                send(news["made"], signal.SIGKILL)
            program.on_made()
            return
        if "failed" in news and program is self._spare:
            self._spare = None
            program.close()
            return
        if "failed" in news:
            self._refuse(program, f"no process could be made: {news['failed']}")
            return
        program.pid = news["made"]
        self._of_pid[program.pid] = program
        if program is self._spare:
            self._own.add(program.pid)
            return
        self._groups.join(program.number, program.pid)
        self._await_ready(program)

    def _await_ready(self, program: Program) -> None:
        if program.work is not None:
            self._watched.watch(program.work.fileno(), selectors.EVENT_READ, lambda: self._admit(program))

    def look(self, number: int) -> list[tuple[int, str]]:
        """Return pid and command line of a program's living processes, at most twenty."""
        survivors = self._groups.named(number, _NAMED)
        if not survivors and number not in self._programs:
            self._groups.release(number)
        return survivors

    def signal(self, number: int, what: str) -> None:
        """`end`: send SIGTERM to a program's processes; `kill`: end them for good."""
        if what == "end":
            self._groups.send(number, signal.SIGTERM)
        else:
            self._groups.kill(number)

    def drop(self, number: int, report_to: int | None) -> None:
        """End a program and forget it, then report `dropped` to the number `report_to`, if it isn't None."""
        program = self._programs.pop(number, None)
        if program is not None and program in self._ordered:
            program.on_made = lambda: self._finish_drop(program, number, report_to)
        else:
            self._finish_drop(program, number, report_to)

    def _finish_drop(self, program: Program | None, number: int, report_to: int | None) -> None:
        if program is not None:
            if self._of_pid.pop(program.pid, None) is not None:
                send(program.pid, signal.SIGKILL)  # it may not have its group yet
            if program.work is not None:
                self._watched.forget(program.work.fileno())
            program.close()
        if "leftovers" not in self._settings["without"]:
            self._groups.kill(number)
        self._groups.release(number)
        if report_to is not None:
            self._report(report_to, {"is": "dropped"})
            self._lacks_spare = True

    def stream_ended(self, program: Program) -> None:
        """Forget a program that has ended once all that it wrote is sent."""
        if program.over and all(source.ended for source in program.sources.values()):
            self._programs.pop(program.number, None)
            program.close()
            self._groups.release(program.number)

    def _open_streams(self, program: Program) -> None:
        """Make the pipes of a program; `inside` gets the child's ends as `execute` takes them."""
        request = program.request
        own_end, inside = wire.program_pipe()
        program.sources[frames.STDOUT] = self._source(program, own_end, frames.STDOUT)
        program.inside.append(inside)
        if request["merged"]:
            program.inside.append(os.dup(inside))
        else:
            own_end, inside = wire.program_pipe()
            program.sources[frames.STDERR] = self._source(program, own_end, frames.STDERR)
            program.inside.append(inside)
        if request["stdin"]:
            inside, own_end = wire.program_pipe()
            program.sinks[frames.STDIN] = self._sink(program, own_end, frames.STDIN)
            program.inside.append(inside)
        if request["line"]:
            end, line = socket.socketpair()
            program.sinks[frames.LINE] = self._sink(program, os.dup(end.fileno()), frames.LINE)
            program.sources[frames.LINE] = self._source(program, end.detach(), frames.LINE)
            program.inside.append(line.detach())
        program.sinks[frames.JOB] = self._sink(program, -1, frames.JOB)

    def _source(self, program: Program, descriptor: int, stream: int) -> Source:
        def send(frame: bytes) -> None:
            if stream == frames.STDOUT:
                program.write_log(frame[frames.HEADER.size :])
            self._send(frame)
            if program.sources[stream].ended:
                self.stream_ended(program)

        return Source(self._watched, descriptor, (program.number, stream), send)

    def _sink(self, program: Program, descriptor: int, stream: int) -> Sink:
        return Sink(self._watched, descriptor, (program.number, stream), self._send)

    def _open_log(self, program: Program) -> None:
        program.log_room = program.request["log_bytes"]
        if not program.log_room:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        name = str(program.request["log"])
        with suppress(OSError), self.files.as_owner():  # programs have filled the disk, or are in the way
            os.makedirs(wire.OUTPUT, 0o755, exist_ok=True)
            folder = os.open(wire.OUTPUT, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)  # of a session before
                program.log = os.open(name, flags, 0o644, dir_fd=folder)
            finally:
                os.close(folder)

    def _admit(self, program: Program) -> None:
        """Verify a child that is ready, before any foreign code runs in it, and give it its job."""
        work = program.work
        assert work is not None
        self._watched.forget(work.fileno())
        try:
            word = work.recv(_REASON)
        except OSError:
            word = b""
        if word != wire.READY:
            self._refuse(program, word[1:].decode("utf-8", "replace") or "it ended at its start")
            return
        fault = self._fault(program)
        if fault:
            self._refuse(program, f"refused: {fault}")
            return
        try:
            work.sendall(wire.GO_BARE if program.request["bare"] else wire.GO)
            wire.send_with_fds(work, wire.HEADER.pack(program.request["size"]), program.inside)
        except OSError as error:
            self._refuse(program, f"it ended at its start: {error}")
            return
        program.close_inside()
        self._accounts.begin(program.number)
        self._report(program.number, {"is": "started", "pid": program.pid, "kept": self._accounts.kept()})
        program.sinks[frames.JOB].open(work.detach())
        program.work = None

    def _fault(self, program: Program) -> str:
        """Return which wall a child lacks; empty if none."""
        without = frozenset(self._settings["without"])
        status = status_of(program.pid)
        if is_ending(program.pid, status):  # killed while it waited: it keeps what is looked at below
            return "it has ended"
        expected: dict[str, list[str]] = {
            **{f"Cap{name}": ["0" * 16] for name in ("Inh", "Prm", "Eff", "Amb")},
            "NoNewPrivs": ["1"],
            "Seccomp": ["2"],
        }
        if self._settings["uid"] is not None:
            expected["Uid"] = [str(self._settings["uid"])] * 4
            expected["Gid"] = [str(self._groups.gid_of(program.number))] * 4
        if "seccomp" in without:
            del expected["Seccomp"]
        if "uid" in without:
            expected = {}
        for name, value in expected.items():
            if status.get(name, "").split() != value:
                return f"{name} is {status.get(name)!r}"
        filters = status.get("Seccomp_filters")
        if "Seccomp" in expected and filters is not None and int(filters) <= self._filters:
            return "it has no filter of system calls of its own"
        return ""

    def _end(self, program: Program, how: int, cpu_s: float) -> None:
        """Report the end of a program's main process; kill its leftover processes unless they stay."""
        number = program.number
        if program is self._spare:
            self._spare = None
            self._own.discard(program.pid)
            program.close()
            return
        if program.work is not None:  # it ended before it was admitted, and may have said why
            self._admit(program)
            return
        if not program.stays and "leftovers" not in self._settings["without"]:
            self._groups.kill(number)
        program.over = True
        used = dict(zip(_USED, self._accounts.end(number)))  # noqa: B905 - for Python 3.8
        survivors = self.look(number) if program.stays else []
        self._report(number, {"is": "ended", "how": how, "cpu_s": cpu_s, "left": survivors, **used})
        self._close_unread(program)
        self.stream_ended(program)
        self._lacks_spare = True

    def _close_unread(self, program: Program) -> None:
        for sink in program.sinks.values():
            if not program.stays:
                sink.close()
        program.close_inside()

    def _refuse(self, program: Program, why: str) -> None:
        if program.was_spare:  # it may have been killed meanwhile, for lack of memory: try a new one
            program.was_spare = False
            self._of_pid.pop(program.pid, None)
            send(program.pid, signal.SIGKILL)
            with suppress(OSError):
                self._order(program)
                return
        self._report(program.number, {"is": "refused", "why": why})
        self._programs.pop(program.number, None)
        self._of_pid.pop(program.pid, None)
        self._groups.kill(program.number)
        self._groups.release(program.number)
        program.close()

    def _report(self, number: int, news: dict[str, Any]) -> None:
        self._send(frames.pack(frames.NEWS, number, 0, json.dumps(news).encode()))
