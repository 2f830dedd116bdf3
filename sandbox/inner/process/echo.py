"""An entry that sends every frame back: for the contract suite, which must see a channel work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.inner.process.channel import Channel


def main(channel: Channel, arguments: dict[str, Any]) -> None:
    """Send back each frame, behind the prefix that was given."""
    prefix = str(arguments.get("prefix", "")).encode()
    while (frame := channel.receive()) is not None:
        channel.send(prefix + frame)
