"""Read permission rules from settings files in Claude Code's format, such as the user's own."""

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.config.permission_rules import restricting
from coder.config.strict_yaml import read_json
from coder.run.extensions import Rules

MAX_BYTES = 1 << 20


class _Permissions(BaseModel, frozen=True, extra="ignore"):
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class _File(BaseModel, frozen=True, extra="ignore"):
    permissions: _Permissions = _Permissions()


def read_rules(files: Iterable[Path]) -> Rules | None:
    """Return the rules of settings files, some of which may be missing; None if there are no rules.

    Raises:
        UsageError: a file can't be read, or a row that denies or asks names no tool.
    """
    rules = sum((_read(path) for path in files if os.path.lexists(path)), Rules())
    return None if rules == Rules() else rules


def read_permissions(content: str) -> Rules:
    """Return all permission rows of a settings file, including invalid rules.

    Raises ValueError or RecursionError if it can't be read.
    """
    permissions = _File.model_validate(read_json(content)).permissions
    return Rules(allow=permissions.allow, ask=permissions.ask, deny=permissions.deny)


def rules_in(file: str, rules: Rules) -> Rules:
    """Return rules with the name of the file that contains them."""
    return rules.model_copy(
        update={"files": {f"{each.verdict} {each.rule}": file for each in rules.rulings()}}
    )


def _read(path: Path) -> Rules:
    try:
        permissions = read_permissions(read_named(path, limit=MAX_BYTES).decode())
        for row in (*permissions.ask, *permissions.deny):
            restricting(row)
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise UsageError(f"{path}: permissions can't be read: {reason}") from error
    home = Path.home()
    shown_path = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
    return rules_in(shown_path, permissions)
