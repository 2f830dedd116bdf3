"""A session with an empty workspace, and a desk at it."""

from collections.abc import AsyncIterator

import pytest

from coder.tools.tool import Desk
from sandbox import Policy, Session, open_sandbox

SECRET = "s3cret-value"


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with (
        open_sandbox(Policy(wall_s=60, cpu_s=600, open_files=1024), backend="bubblewrap") as box,
        box.session(fresh=True) as opened,
    ):
        yield opened


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session, lambda: 600.0, lambda text: text.replace(SECRET, "[redacted]"))
