"""Write a page of evidence for each sample of a benchmark's run, from the log."""

import asyncio
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from benchmarks.report import Report
from benchmarks.reports.sample_page import SampleEvidence, page_name, sample_page
from benchmarks.runner.bench_session import BenchSession, open_log
from benchmarks.runner.runlog import RunLog
from benchmarks.suite import HarborCase, Suite, UnreadableCase
from benchmarks.suites.samples import read_samples
from benchmarks.written import write_text
from coder.base.errors import MissingExtra
from coder.show.run_transcript import read_events
from coder.store import SqliteLog


def require_pages() -> None:
    """Raise MissingExtra if pages can't be written; called before any paid call."""
    if importlib.util.find_spec("jinja2") is None:
        raise MissingExtra("jinja2, which pages of samples need,", "report")


def write_pages(folder: Path, session: BenchSession, *, samples: Path | None = None) -> None:
    """Write a page for each judged sample. Raises MachineError if a page can't be written.

    Args:
        samples: file of the answers, if the log doesn't contain them.
    """
    with open_log() as log:
        asyncio.run(_write(folder, session, log, samples))


async def _write(folder: Path, session: BenchSession, log: SqliteLog, samples: Path | None) -> None:
    suite = session.suite
    cases = {case.id: case for case in suite.cases}
    record = RunLog(session.run, log, token=0)
    seqs = {judged.key: seq async for seq, judged in record.samples()}
    texts = _answers(samples, suite)
    for (case, number), seq in seqs.items():
        judged = await record.sample(seq)
        text = texts.get((case, number)) or judged.text or ""
        evidence = SampleEvidence(
            case=cases.get(case) or UnreadableCase(id=case, reason=judged.verdict.detail),
            judged=judged,
            # Of a Harbor task the diff shows what was done; its own solution's answer is a name.
            answer="" if isinstance(cases.get(case), HarborCase) else text,
            events=await read_events(log, judged.run_id) if judged.run_id is not None else (),
            min_strength=session.min_strength,
        )
        write_text(folder / page_name(case, number), sample_page(evidence))


def links_to_pages(folder: Path, report: Report, html: Path) -> Mapping[tuple[str, int], str]:
    """Return the address of each page in a folder, relative to the report's page, by case and sample."""
    place = os.path.relpath(folder.absolute(), html.absolute().parent)
    names = {
        (verdict.id, verdict.sample): page_name(verdict.id, verdict.sample) for verdict in report.verdicts
    }
    return {key: quote(f"{place}/{name}") for key, name in names.items() if (folder / name).is_file()}


def _answers(samples: Path | None, suite: Suite) -> dict[tuple[str, int], str]:
    if samples is None:
        return {}
    answers = read_samples(samples, (case.id for case in suite.cases))
    return {(answer.id, answer.sample): answer.text for answer in answers}
