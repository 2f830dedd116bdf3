"""Rules of permission in a repository's `.claude/settings.json` and `settings.local.json`.

They count as the repository's, whoever wrote them: rules that deny or ask are obeyed, since they only
restrict the user's own settings; rules that allow are refused, and named in a note.
"""

from pathlib import Path

from pydantic import ValidationError

from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import one_line
from coder.config.permission_rules import names_tool
from coder.config.plug_places import reason_of
from coder.config.rule_files import MAX_BYTES, read_permissions, rules_in
from coder.run.extensions import Rules

_FOLDER = ".claude"
NAMES = ("settings.json", "settings.local.json")
_MAX_ROWS = 200
_SHOWN_ROWS = 5


def rules_of_repository(folder: Path) -> tuple[Rules, list[str]]:
    """Return the restricting rules of a repository's files, and a note for each file with other rules."""
    rules, notes = Rules(), []
    for name in NAMES:
        path = f"{_FOLDER}/{name}"
        try:
            rows, refused = _narrowing(folder, name)
        except FileNotFoundError:
            continue
        except ValidationError as error:
            notes.append(f"{path}: its permissions are ignored: {error.errors()[0]['msg']}")
            continue
        except (OSError, ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else reason_of(error)
            notes.append(f"{path}: its permissions are ignored: {reason}")
            continue
        rules += rules_in(path, rows)
        if refused:
            more = f", and {len(refused) - _SHOWN_ROWS} more" if len(refused) > _SHOWN_ROWS else ""
            refused_rows = ", ".join(one_line(row, width=80) for row in refused[:_SHOWN_ROWS])
            notes.append(
                f"{path}: a repository can't allow anything, so these rules are ignored: {refused_rows}{more}"
            )
    return rules, notes


def _narrowing(folder: Path, name: str) -> tuple[Rules, list[str]]:
    """Return a file's restricting rules, and its other rules. Raises OSError, ValueError, RecursionError."""
    with open_folder(folder, (_FOLDER,)) as parent:
        content, _ = read_regular(parent, name, limit=MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    rows = read_permissions(content.decode())
    if sum(map(len, (rows.allow, rows.ask, rows.deny))) > _MAX_ROWS:
        raise ValueError(f"more than {_MAX_ROWS} rules")
    narrowing = Rules(ask=tuple(filter(names_tool, rows.ask)), deny=tuple(filter(names_tool, rows.deny)))
    broken = [row for row in (*rows.ask, *rows.deny) if not names_tool(row)]
    return narrowing, [*rows.allow, *broken]
