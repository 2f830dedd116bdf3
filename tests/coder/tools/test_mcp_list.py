"""A list of tools that takes long to read."""

from itertools import count

import pytest
from mcp_types import Tool

from coder.config.mcp_servers import Mcp
from coder.tools import mcp_tool


def test_a_list_whose_schemas_take_long_to_check_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_tool, "LIST_S", 3.0)
    monkeypatch.setattr(mcp_tool, "thread_time", count().__next__)  # each schema takes a second
    listed = [Tool(name=f"t{number}", input_schema={"type": "object"}) for number in range(6)]
    about = Mcp(name="server", url="http://127.0.0.1:9/mcp")

    tools, left_out = mcp_tool.tools_listed(about, listed, None, str)  # type: ignore[arg-type]

    assert list(tools) == ["t0", "t1", "t2"]
    assert left_out == "t3, t4, t5"
