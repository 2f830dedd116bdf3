"""The answers that a report judged, for a page that shows them."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import Report
from benchmarks.suites.samples import samples_of

MAX_CODE = 20_000
"""Characters of one answer that a page shows."""
MAX_ALL = 30 << 20
"""Characters of all answers: a page has to open in a browser."""


Answers = Mapping[tuple[str, int], str]
"""The text of each, by case and sample."""


def read_answers(path: Path, report: Report) -> Answers:
    """The answers of a samples file by case and sample, shortened, as many as there is room for."""
    wanted = {(one.id, one.sample) for one in report.verdicts}
    cases = dict.fromkeys([*(one.id for one in report.verdicts), *report.missing])
    found: dict[tuple[str, int], str] = {}
    left = MAX_ALL
    for sample in samples_of(path, cases):
        text = sample.text if len(sample.text) <= MAX_CODE else f"{sample.text[:MAX_CODE]}\n… shortened"
        if (sample.id, sample.sample) in wanted and left >= len(text):
            found[sample.id, sample.sample] = text
            left -= len(text)
    return found
