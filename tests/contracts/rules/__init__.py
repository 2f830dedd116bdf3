"""The contract of `Sandbox` as functions: `for rule in CONTRACT: await kept.check(rule)`.

`kept` is a `tests.contracts.kept_open.KeptOpen` of a function that opens the backend. Each rule gets an open
sandbox with an empty workspace, the one that closes it one of its own, and raises AssertionError where the
backend breaks it. Read endings.
"""

from collections.abc import Awaitable, Callable

from sandbox.contract import Sandbox
from tests.contracts.rules.bounds import BOUNDS
from tests.contracts.rules.bystanders import BYSTANDERS
from tests.contracts.rules.endings import ENDINGS
from tests.contracts.rules.file_contract import FILES
from tests.contracts.rules.folder_contract import FOLDERS
from tests.contracts.rules.fresh_contract import FRESH
from tests.contracts.rules.programs import PROGRAMS
from tests.contracts.rules.stream_contract import STREAMS

Rule = Callable[[Sandbox], Awaitable[None]]

CONTRACT: tuple[Rule, ...] = (*ENDINGS, *STREAMS, *BOUNDS, *PROGRAMS, *FILES, *FOLDERS, *FRESH, *BYSTANDERS)
