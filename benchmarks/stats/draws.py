"""Tell which samples are draws of their own: copies of one draw count as one."""

from collections.abc import Iterable, Iterator

from benchmarks.report import Report
from benchmarks.verdict import Verdict


def distinct_draws(reports: Iterable[Report]) -> Iterator[tuple[Report, Verdict]]:
    """Yield the samples of a run and its repeats that are draws of their own, without damaged rows.

    A report on answers that an earlier one judged repeats its samples. Samples of one case that a model drew
    without randomness are copies: one that was judged counts.
    """
    answers: set[str] = set()
    copies: dict[tuple[str | None, str], tuple[Report, Verdict]] = {}
    for report in reports:
        digest = report.digests.get("samples")
        if digest in answers:
            continue
        answers |= {digest} if digest is not None else set()
        for verdict in report.verdicts:
            if verdict.id in report.rows:
                continue
            if not report.greedy:
                yield report, verdict
                continue
            key = (report.model, verdict.id)
            if key not in copies or copies[key][1].verdict == "infrastructure":
                copies[key] = (report, verdict)
    yield from copies.values()
