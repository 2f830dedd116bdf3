"""What cells show, and what they find of those before them."""

import base64
import re
import struct
import zlib

import pytest

from sandbox import Kernel, Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
)


async def test_what_one_cell_defines_the_next_one_finds(kernel: Kernel) -> None:
    await kernel.execute("import math\nradius = 2")

    result = await kernel.execute("round(math.pi * radius, 3)")

    assert (result.status, result.exit_code, result.stdout, result.state_lost) == ("ok", 0, "6.283\n", False)


async def test_the_last_expression_stands_behind_what_was_printed(kernel: Kernel) -> None:
    result = await kernel.execute("print('first', end='')\n'last'")

    assert result.stdout == "first\n'last'\n"


async def test_both_streams_are_apart(kernel: Kernel) -> None:
    result = await kernel.execute("import sys\nprint('out')\nprint('err', file=sys.stderr)")

    assert (result.stdout, result.stderr) == ("out\n", "err\n")


async def test_an_exception_is_an_error_with_its_line_and_no_colours(kernel: Kernel) -> None:
    result = await kernel.execute("def f():\n    return 1 / 0  # here\nf()")

    assert (result.status, result.exit_code, result.state_lost) == ("error", 1, False)
    assert "return 1 / 0  # here" in result.stderr
    assert result.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "\x1b" not in result.stderr


async def test_a_syntax_error_names_its_place(kernel: Kernel) -> None:
    result = await kernel.execute("x = (1,\n")

    assert result.status == "error"
    assert "SyntaxError" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("code", "exit_code", "stderr"),
    [("0", 0, ""), ("None", 0, ""), ("42", 42, ""), ("'sorry'", 1, "sorry\n")],
)
async def test_sys_exit_ends_the_cell_and_not_the_kernel(
    kernel: Kernel, code: str, exit_code: int, stderr: str
) -> None:
    result = await kernel.execute(f"import warnings, sys\nwarnings.simplefilter('ignore')\nsys.exit({code})")

    assert (result.exit_code, result.stderr, result.state_lost) == (exit_code, stderr, False)


async def test_a_picture_is_an_artifact_in_bytes(kernel: Kernel) -> None:
    await kernel.execute(f"import base64\npicture = base64.b64decode({base64.b64encode(PNG)!r})")

    result = await kernel.execute("from IPython.display import Image\nImage(data=picture)")

    (artifact,) = result.artifacts
    assert artifact.path.startswith("cell-")
    assert artifact.path.endswith("-1.png")
    assert (artifact.content, artifact.size) == (PNG, len(PNG))


async def test_each_rich_type_has_its_file_and_a_table_its_text_too(kernel: Kernel) -> None:
    result = await kernel.execute(
        """
from IPython.display import HTML, JSON, Latex, Markdown, SVG, display
class Table:
    def _repr_html_(self): return '<table>é</table>'
    def __repr__(self): return 'a table'
display(HTML('<b>bold</b>'), JSON({'a': 1}), Latex('$x$'), Markdown('# m'), SVG('<svg/>'))
Table()
"""
    )

    shown = {artifact.path.split("-", 2)[2]: artifact.content.decode() for artifact in result.artifacts}
    assert shown["1.html"] == "<b>bold</b>"
    assert shown["2.json"] == '{"a": 1}'
    assert shown["3.tex"] == "$x$"
    assert shown["4.md"] == "# m"
    assert shown["5.svg"].startswith("<svg")
    assert shown["6.html"] == "<table>é</table>"
    assert result.stdout == "a table\n"


async def test_an_updated_display_is_shown_as_it_was_last(kernel: Kernel) -> None:
    result = await kernel.execute(
        "from IPython.display import HTML, display\n"
        "handle = display(HTML('before'), display_id=True)\nhandle.update(HTML('after'))"
    )

    assert [artifact.content for artifact in result.artifacts] == [b"after"]


async def test_cleared_output_is_forgotten(kernel: Kernel) -> None:
    result = await kernel.execute(
        "from IPython.display import HTML, clear_output, display\n"
        "print('10 %')\ndisplay(HTML('x'))\nclear_output(wait=True)\nprint('done')"
    )

    assert (result.stdout, result.artifacts) == ("done\n", ())


async def test_output_is_heard_as_it_comes(kernel: Kernel) -> None:
    heard: list[tuple[str, bytes]] = []

    await kernel.execute("print('now')", on_output=lambda stream, content: heard.append((stream, content)))

    assert {stream for stream, _ in heard} == {"stdout"}
    assert b"".join(content for _, content in heard) == b"now\n"


async def test_output_of_child_processes_is_the_cells_too(kernel: Kernel) -> None:
    result = await kernel.execute(
        "import multiprocessing, subprocess\nsubprocess.run(['echo', 'a program'])\n"
        "child = multiprocessing.get_context('fork').Process(target=print, args=('a fork',))\n"
        "child.start()\nchild.join()"
    )

    # A fork may take along what its parent had read and not yet passed on, and say that again: also between
    # the two writes of its print.
    assert "a fork" in result.stdout
    assert "a program" in result.stdout
    assert set(re.sub("a fork|a program", "", result.stdout)) == {"\n"}


async def test_head_and_tail_of_much_output_are_kept(kernel: Kernel) -> None:
    result = await kernel.execute(
        "print('first'); print('x' * 100_000); print('last')", limits=Limits(output_bytes=1000)
    )

    assert result.truncated
    assert len(result.stdout) <= 1000
    assert result.stdout.startswith("first")
    assert result.stdout.endswith("last\n")


async def test_there_is_no_input_to_wait_for(kernel: Kernel) -> None:
    result = await kernel.execute("input('name? ')")

    assert (result.status, result.killed_by) == ("error", None)
    assert "StdinNotImplementedError" in result.stderr


async def test_there_is_no_network(kernel: Kernel) -> None:
    result = await kernel.execute("import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)")

    assert result.status == "error"
    assert "unreachable" in result.stderr


@pytest.mark.slow
async def test_files_of_the_workspace_are_the_cells_files_and_last(kernel: Kernel) -> None:
    await kernel.sandbox.write("given.txt", b"from outside")
    await kernel.execute("text = open('given.txt').read()\nopen('made.txt', 'w').write(text.upper())")

    await kernel.restart()

    result = await kernel.execute("open('made.txt').read()")
    assert result.stdout == "'FROM OUTSIDE'\n"
    assert await kernel.sandbox.read("made.txt") == b"FROM OUTSIDE"


async def test_a_module_of_the_workspace_can_be_imported(kernel: Kernel) -> None:
    await kernel.sandbox.write("shapes.py", b"SIDES = {'square': 4}")

    result = await kernel.execute("import shapes\nshapes.SIDES")

    assert result.stdout == "{'square': 4}\n"


async def test_a_lone_surrogate_breaks_nothing(kernel: Kernel) -> None:
    result = await kernel.execute("print('a\\udc80b')")

    assert result.stdout.startswith("a")
    assert (await kernel.execute("1")).stdout == "1\n"


async def test_a_cell_that_fits_no_frame_is_refused_and_costs_nothing(kernel: Kernel) -> None:
    await kernel.execute("kept = 1")

    with pytest.raises(ValueError, match="too long"):
        await kernel.execute("#" * (1 << 22) + "\n")

    assert (await kernel.execute("kept")).stdout == "1\n"


@pytest.mark.parametrize("limits", [Limits(memory_mb=64), Limits(processes=4), Limits(cpu_s=1)])
async def test_limits_of_the_whole_kernel_are_refused_for_a_cell(kernel: Kernel, limits: Limits) -> None:
    with pytest.raises(ValueError, match="policy"):
        await kernel.execute("1", limits=limits)
