"""What cells show, and what they find of those before them."""

import base64
import re
import struct
import zlib

import pytest

from sandbox import Kernel

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
)


async def output(kernel: Kernel, source: str) -> str:
    return (await kernel.execute(source)).result.output


async def files(kernel: Kernel, cell: int) -> dict[str, str]:
    """What a cell showed besides text, by the ends of the files' names."""
    listed = await kernel.session.sh(f"cd /tmp/out && ls -1 cell-{cell}-*")
    return {
        name.split("-", 2)[2]: (await kernel.session.sh(f"cat /tmp/out/{name}")).output
        for name in listed.output.split()
    }


@pytest.mark.slow
async def test_what_one_cell_defines_the_next_one_finds(kernel: Kernel) -> None:
    await kernel.execute("import math\nradius = 2")

    cell = await kernel.execute("round(math.pi * radius, 3)")

    assert (cell.result.status, cell.result.exit_code, cell.result.output) == ("ok", 0, "6.283\n")
    assert not cell.state_lost


@pytest.mark.slow
async def test_the_last_expression_stands_behind_what_was_printed(kernel: Kernel) -> None:
    assert await output(kernel, "print('first', end='')\n'last'") == "first\n'last'\n"


async def test_an_exception_is_an_error_with_its_line_and_no_colours(kernel: Kernel) -> None:
    cell = await kernel.execute("def f():\n    return 1 / 0  # here\nf()")

    assert (cell.result.status, cell.result.exit_code, cell.state_lost) == ("error", 1, False)
    assert "return 1 / 0  # here" in cell.result.output
    assert cell.result.output.endswith("ZeroDivisionError: division by zero\n")
    assert "\x1b" not in cell.result.output


async def test_a_syntax_error_names_its_place(kernel: Kernel) -> None:
    cell = await kernel.execute("x = (1,,)\n")

    assert cell.result.status == "error"
    assert "SyntaxError" in cell.result.output
    assert "\x1b" not in cell.result.output


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [("0", 0, ""), ("None", 0, ""), ("42", 42, ""), ("'sorry'", 1, "sorry\n")],
)
async def test_sys_exit_ends_the_cell_and_not_the_kernel(
    kernel: Kernel, code: str, exit_code: int, said: str
) -> None:
    cell = await kernel.execute(f"import warnings, sys\nwarnings.simplefilter('ignore')\nsys.exit({code})")

    assert (cell.result.exit_code, cell.result.output, cell.state_lost) == (exit_code, said, False)


async def test_a_picture_is_a_file_that_a_line_names(kernel: Kernel) -> None:
    await kernel.execute(f"import base64\npicture = base64.b64decode({base64.b64encode(PNG)!r})")

    cell = await kernel.execute("from IPython.display import Image\nImage(data=picture)")

    path = f"/tmp/out/cell-{cell.number}-1.png"
    assert cell.result.output == f"[picture image/png, 1 KiB, kept as {path}]\n"
    assert await kernel.read_pictures(cell.number, max_count=4, max_bytes=1 << 20) == [PNG]
    assert (await kernel.session.sh(f"cat {path}")).raw_output == PNG


async def test_each_rich_type_has_its_file_and_a_table_its_text_too(kernel: Kernel) -> None:
    cell = await kernel.execute(
        """
from IPython.display import HTML, JSON, Latex, Markdown, SVG, display
class Table:
    def _repr_html_(self): return '<table>é</table>'
    def __repr__(self): return 'a table'
display(HTML('<b>bold</b>'), JSON({'a': 1}), Latex('$x$'), Markdown('# m'), SVG('<svg/>'))
Table()
"""
    )

    contents = await files(kernel, cell.number)
    assert contents["1.html"] == "<b>bold</b>"
    assert contents["2.json"] == '{"a": 1}'
    assert contents["3.tex"] == "$x$"
    assert contents["4.md"] == "# m"
    assert contents["5.svg"].startswith("<svg")
    assert contents["6.html"] == "<table>é</table>"
    assert cell.result.output.endswith("a table\n")


async def test_an_updated_display_is_kept_as_it_was_last(kernel: Kernel) -> None:
    cell = await kernel.execute(
        "from IPython.display import HTML, display\n"
        "handle = display(HTML('before'), display_id=True)\nhandle.update(HTML('after'))"
    )

    assert await files(kernel, cell.number) == {"1.html": "after"}


async def test_no_type_makes_a_name_that_leads_elsewhere(kernel: Kernel) -> None:
    cell = await kernel.execute(
        "display({'text/plain': 'p', 'IMAGE/PNG': 'x', '../../x': 'x', 'text/\xe9': 'x', 'text/..': 'y',"
        " 'application/vnd.plotly.v1+json': {}}, raw=True)"
    )

    assert cell.result.output == "p\n"
    assert await files(kernel, cell.number) == {"1.output.txt": "y", "1.vnd-plotly-v1.json": "{}"}


async def test_output_is_heard_as_it_comes(kernel: Kernel) -> None:
    chunks: list[bytes] = []

    await kernel.execute("print('now')", on_output=chunks.append)

    assert b"".join(chunks) == b"now\n"


async def test_output_of_child_processes_is_the_cells_too(kernel: Kernel) -> None:
    text = await output(
        kernel,
        "import multiprocessing, subprocess\nsubprocess.run(['echo', 'a program'])\n"
        "child = multiprocessing.get_context('fork').Process(target=print, args=('a fork',))\n"
        "child.start()\nchild.join()",
    )

    # A fork may take along what its parent had read and not yet passed on, and say that again: also between
    # the two writes of its print.
    assert "a fork" in text
    assert "a program" in text
    assert set(re.sub(r"a fork|a program|CompletedProcess\(.*\)", "", text)) == {"\n"}


async def test_there_is_no_input_to_wait_for(kernel: Kernel) -> None:
    cell = await kernel.execute("input('name? ')")

    assert (cell.result.status, cell.result.killed_by) == ("error", None)
    assert "StdinNotImplementedError" in cell.result.output


async def test_there_is_no_network(kernel: Kernel) -> None:
    text = await output(kernel, "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)")

    assert "unreachable" in text


@pytest.mark.slow
async def test_files_of_the_session_are_the_cells_files_and_last(kernel: Kernel) -> None:
    await kernel.session.write("shapes.py", b"SIDES = {'square': 4}")
    await kernel.execute("import shapes\nopen('made.txt', 'w').write(str(shapes.SIDES))")

    await kernel.restart()

    assert await output(kernel, "open('made.txt').read()") == "\"{'square': 4}\"\n"
    assert await kernel.session.read("made.txt") == b"{'square': 4}"


async def test_a_lone_surrogate_breaks_nothing(kernel: Kernel) -> None:
    assert (await output(kernel, "print('a\\udc80b')")).startswith("a")
    assert await output(kernel, "1") == "1\n"
