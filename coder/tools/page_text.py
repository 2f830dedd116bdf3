"""Turn a page into text in a separate process with limits, since a page can make it take long.

Run as a program, it reads the page from standard input and writes its text to standard output. Encodings are
the web's (https://encoding.spec.whatwg.org).
"""

import asyncio
import codecs
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress

_SECONDS, _MEMORY = 10, 1 << 30
"""CPU seconds, and bytes of address space, for one page."""
_WALL_S = 20.0
MAX_TEXT = 4 << 20
"""Characters of Markdown: nested quotes can make it far longer than the page."""
_NOT_TEXT = ("script", "style", "noscript", "template", "svg", "iframe", "object", "head")
_NEEDS = 3
"""Exit code where the package isn't installed."""


async def page_text(content: bytes, *, charset: str | None, is_html: bool, most: int = MAX_TEXT) -> str:
    """Return the text of a page: of HTML as Markdown.

    Args:
        charset: the encoding that the server names; None: detect it from the page or its bytes.
        most: characters of text; the rest is left out.

    Raises:
        ValueError: the page takes too much time or memory, or is nested too deeply.
        ModuleNotFoundError: markdownify or webencodings isn't installed.
    """
    from sandbox.interpreter.interpreter import library_variables  # the process itself needs none of it

    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-I",
            "-m",
            "coder.tools.page_text",
            str(most),
            "html" if is_html else "plain",
            charset or "",
        ),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=library_variables(),
    )
    try:
        async with asyncio.timeout(_WALL_S):
            text, _ = await process.communicate(content)
    except TimeoutError:
        text = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == _NEEDS:
        raise ModuleNotFoundError("No module named 'markdownify' or 'webencodings'", name="markdownify")
    if process.returncode != 0:
        raise ValueError("The page can't be turned to text: it takes too much time or memory.")
    return text.decode("utf-8", "replace")


def _main(most: int, kind: str, label: str) -> None:
    with suppress(ModuleNotFoundError):  # Windows has the limit of wall time alone
        import resource

        for limited, limit in ((resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_AS, _MEMORY)):
            hard = resource.getrlimit(limited)[1]
            resource.setrlimit(limited, (limit if hard < 0 else min(limit, hard), hard))
    try:
        import webencodings
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter
    except ModuleNotFoundError:
        sys.exit(_NEEDS)
    encoding, content = webencodings.lookup(label), sys.stdin.buffer.read()
    with suppress(LookupError):  # latin-1 is none of the web's labels
        encoding = encoding or webencodings.lookup(codecs.lookup(label).name)
    if kind == "plain":
        text, _ = webencodings.decode(content, encoding or webencodings.UTF8)
        sys.stdout.buffer.write(text[:most].encode("utf-8", "replace"))
        return
    soup = BeautifulSoup(content, "html.parser", from_encoding=encoding.codec_info.name if encoding else None)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for tag in soup(_NOT_TEXT):
        tag.decompose()
    text = MarkdownConverter(heading_style="ATX").convert_soup(soup).strip()
    lines = [line.rstrip() for line in text.split("\n")]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    markdown = "\n".join([f"# {title}\n", *kept] if title else kept)
    sys.stdout.buffer.write(markdown[:most].encode("utf-8", "replace"))


if __name__ == "__main__":
    _main(int(sys.argv[1]), *sys.argv[2:])
