"""A session with an empty workspace, and a desk at it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from coder.tools.tool import Desk
from sandbox import Policy, Session
from tests.sandbox_pool import open_kept

SECRET = "s3cret-value"


@pytest_asyncio.fixture(loop_scope="session")
async def session(kept_sandboxes: None) -> AsyncIterator[Session]:
    async with (
        open_kept(Policy(wall_s=60, cpu_s=600, open_files=1024)) as box,
        box.session(fresh=True) as opened,
    ):
        yield opened


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session, lambda: 600.0, lambda text: text.replace(SECRET, "[redacted]"))
