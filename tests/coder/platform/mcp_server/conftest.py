"""Servers that are driven by the official SDK's client."""

from pathlib import Path

import pytest
from mcp.client import session

from coder.platform.server.bearer_tokens import Caller, digest
from tests.coder.people.cli.console import Console
from tests.coder.platform.mcp_server.served import TOKEN, Served


@pytest.fixture(autouse=True)
def patient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client wait longer for a server's first answer than a busy machine takes."""
    monkeypatch.setattr(session, "DISCOVER_TIMEOUT_SECONDS", 300.0)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """A place to start servers in, with a folder below which they work."""
    root = tmp_path / "root"
    root.mkdir()
    return Served(Console(home=tmp_path), root)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    caller = Caller(name="editor", sha256=digest(TOKEN), root=tmp_path / "root")
    file.write_text(f"[{caller.model_dump_json()}]")
    file.chmod(0o600)
    return file
