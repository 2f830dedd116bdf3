"""A list of tools that takes long to read."""

from time import thread_time

import pytest
from mcp_types import Tool

from coder.config.mcp_servers import Mcp
from coder.tools import mcp_tool


@pytest.mark.slow
def test_a_list_whose_schemas_take_long_to_check_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_tool, "LIST_S", 0.5)
    bomb = {"type": "object", "allOf": [{}] * 4900}
    listed = [Tool(name=f"t{number}", input_schema=bomb) for number in range(40)]
    about = Mcp(name="server", url="http://127.0.0.1:9/mcp")
    began = thread_time()

    tools, left_out = mcp_tool.tools_listed(about, listed, None, str)  # type: ignore[arg-type]

    assert thread_time() - began < 10
    assert 0 < len(tools) < 40
    assert left_out
