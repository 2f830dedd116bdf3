"""Make files of a workspace links, as they are in the user's folder or were in a session."""

from collections.abc import Mapping

from sandbox import Command, Sandbox

_MAKE_LINKS = r"""import os, sys
words = sys.stdin.buffer.read().split(b"\0")
for path, target in zip(words[::2], words[1::2]):
    os.remove(path)
    os.symlink(os.path.relpath(target, os.path.dirname(path) or b"."), path)
"""
"""Program that replaces files by links to others of the workspace."""


async def make_links(sandbox: Sandbox, links: Mapping[str, str]) -> None:
    """Replace laid files by links, given their targets by path.

    A program then writes the file that a link leads to, and finds what lies beside that.
    """
    if links:
        words = "\0".join(word for pair in links.items() for word in pair)
        await sandbox.run(Command(argv=("python", "-I", "-c", _MAKE_LINKS)), stdin=words.encode())
