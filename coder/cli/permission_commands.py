"""`/auto` and `/permissions`: what the user allows, for this conversation or in this project for good."""

from collections.abc import Callable
from pathlib import Path

from coder.chat.permissions import Allowed, Permissions
from coder.cli.chat_observer import ChatObserver
from coder.errors import UsageError


class PermissionCommands:
    """One person's side of it."""

    def __init__(self, folder: Path, project: Path, onlooker: ChatObserver, *, asks: bool) -> None:
        """Read what is allowed for good; without a person to ask it doesn't hold.

        Args:
            folder: the user's data folder.
            asks: a person sits there.

        Raises:
            MachineError: the file of permissions can't be read.
        """
        self._permissions = Permissions(folder, project)
        self._onlooker = onlooker
        if asks:
            onlooker.permit(self._permissions)

    def auto(self, rest: str, say: Callable[[str], None]) -> None:
        """Write what passes without a question, or ask again.

        Raises:
            UsageError: that isn't what can be said.
            MachineError: the file of permissions can't be written.
        """
        if rest not in ("", "always"):
            raise UsageError("Say /auto, or /auto always: also in later conversations about this project.")
        if rest:
            self._permissions.write(self._permissions.now().model_copy(update={"auto": True}))
        self._onlooker.yes = bool(rest) or not self._onlooker.yes
        say("what passes is written" if self._onlooker.yes else "you are asked")

    def tell(self, rest: str, say: Callable[[str], None]) -> None:
        """Say what is allowed, or forget it all.

        Raises:
            UsageError: that isn't what can be said.
            MachineError: the file of permissions can't be written.
        """
        if rest not in ("", "forget"):
            raise UsageError("Say /permissions, or /permissions forget: all of them.")
        this_time = self._onlooker.hosts.this_time if self._onlooker.hosts is not None else set()
        if rest:
            self._permissions.write(Allowed())
            self._onlooker.yes = False
            this_time.clear()
        allowed = self._permissions.allowed
        lines = [f"{host}: programs may reach it, in this project" for host in allowed.hosts]
        lines += [f"{host}: programs may reach it, this time" for host in this_time - {*allowed.hosts}]
        lines += ["what passes is written without a question, in this project"] if allowed.auto else []
        for line in sorted(lines) or ["nothing but what you are asked about"]:
            say(line)
