"""The contract of `Sandbox` as functions for a backend's own tests: `for rule in CONTRACT: await rule(box)`.

Each rule gets an open sandbox with the default policy and raises AssertionError where the backend breaks it.
Read endings.
"""

from collections.abc import Awaitable, Callable

from sandbox.contract import Sandbox
from sandbox.testing.bounds import BOUNDS
from sandbox.testing.bystanders import BYSTANDERS
from sandbox.testing.endings import ENDINGS
from sandbox.testing.file_contract import FILES
from sandbox.testing.folder_contract import FOLDERS
from sandbox.testing.fresh_contract import FRESH
from sandbox.testing.programs import PROGRAMS
from sandbox.testing.stream_contract import STREAMS

Rule = Callable[[Sandbox], Awaitable[None]]

CONTRACT: tuple[Rule, ...] = (*ENDINGS, *STREAMS, *BOUNDS, *PROGRAMS, *FILES, *FOLDERS, *FRESH, *BYSTANDERS)
