"""An entry that echoes every frame, for the contract suite to test a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.inner.process.wire import Channel


def main(channel: Channel, arguments: dict[str, Any]) -> None:
    """Echo each frame, after the given prefix."""
    prefix = str(arguments.get("prefix", "")).encode()
    while (frame := channel.receive()) is not None:
        channel.send(prefix + frame)
