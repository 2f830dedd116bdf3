"""The words of a terminal drawn as SVG, without what differs between runs: times, amounts, ids."""

import html
import re

_TEXT = re.compile(r'<text[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<')
_VARYING = re.compile(r"\b(?:run|bench)_\w+|[\d.,:]*\d[\d.,:]*|[━╺╸]+")


def words_of(svg: str) -> list[str]:
    """Return the lines of a terminal, `…` for each figure, id and bar."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in _TEXT.findall(svg):
        lines.setdefault(float(y), []).append((float(x), html.unescape(text)))
    texts = ("".join(text for _, text in sorted(line)) for _, line in sorted(lines.items()))
    return [" ".join(_VARYING.sub("…", text).split()) for text in texts]
