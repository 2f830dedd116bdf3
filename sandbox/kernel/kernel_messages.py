"""What a kernel's client says, read as the word of a stranger: code of a cell can speak in its name.

Every frame is one kind with fields of fixed sizes; what isn't exactly that is no frame.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.inner.kernel.kernel_frames import (
    BEGUN,
    CLEAR,
    DONE,
    ENDING,
    LEFT_OUT,
    LOADED,
    MAX_RICH,
    MAX_TEXT,
    MAX_TYPE,
    MISSING,
    NUMBER,
    READY,
    RICH,
    RICH_HEAD,
    STDERR,
    STDOUT,
    TYPE,
)


class BadFrame(ValueError):
    """Bytes that no client of ours sends."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One of the things that are said without more."""

    name: Literal["loaded", "ready", "missing", "begun", "clear", "left out"]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what a cell prints."""

    stream: Literal["stdout", "stderr"]
    content: bytes


@dataclass(frozen=True, slots=True)
class Rich:
    """One output in one type. The same number again, in the same type, is an update."""

    number: int
    type: str
    """Such as `image/png`."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The cell has ended."""

    exit_code: int
    leaves: bool
    """It asked the kernel to end, too."""


Said = Sign | Text | Rich | Done

_SIGNS: dict[bytes, Sign] = {
    LOADED: Sign("loaded"),
    READY: Sign("ready"),
    MISSING: Sign("missing"),
    BEGUN: Sign("begun"),
    CLEAR: Sign("clear"),
    LEFT_OUT: Sign("left out"),
}


def read_frame(frame: bytes) -> tuple[int, Said]:
    """The number of the cell that a frame is about, and what it says.

    Raises:
        BadFrame: it isn't one.
    """
    kind, rest = frame[:1], frame[1 + NUMBER.size :]
    if len(frame) < 1 + NUMBER.size:
        raise BadFrame("a frame without a cell's number")
    (cell,) = NUMBER.unpack_from(frame, 1)
    if kind in _SIGNS:
        if rest:
            raise BadFrame("a sign with something behind it")
        return cell, _SIGNS[kind]
    if kind in (STDOUT, STDERR):
        if len(rest) > MAX_TEXT:
            raise BadFrame("a piece of text that is too long")
        return cell, Text("stdout" if kind == STDOUT else "stderr", rest)
    if kind == RICH:
        return cell, _rich(rest)
    if kind == DONE and len(rest) == ENDING.size:
        exit_code, leaves = ENDING.unpack(rest)
        return cell, Done(exit_code, bool(leaves))
    raise BadFrame("a frame of no kind")


def _rich(content: bytes) -> Rich:
    if len(content) < RICH_HEAD.size:
        raise BadFrame("a rich output without a head")
    number, length = RICH_HEAD.unpack_from(content)
    end = RICH_HEAD.size + length
    name = content[RICH_HEAD.size : end].decode("ascii", "replace")
    if length > MAX_TYPE or len(content) < end or TYPE.fullmatch(name) is None:
        raise BadFrame("a rich output of no type")
    if len(content) - end > MAX_RICH:
        raise BadFrame("a rich output that is too large")
    return Rich(number, name, content[end:])
