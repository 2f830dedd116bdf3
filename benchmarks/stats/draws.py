"""Tell which samples are draws of their own: copies of one draw count as one."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.report import Report
from benchmarks.verdict import Verdict

_FEWEST_ALIKE = 8
"""Fewer answers may have taken the same tokens by chance."""


def distinct_draws(reports: Iterable[Report]) -> Iterator[tuple[Report, Verdict]]:
    """Yield the samples of a run and its repeats that are draws of their own, without damaged rows.

    A report on answers that an earlier one judged repeats its samples, and so does a run whose endpoint
    answered as in an earlier one. Samples of one case that a model drew without randomness are copies: one
    that was judged counts.
    """
    answers: set[str] = set()
    copies: dict[tuple[str | None, str], tuple[Report, Verdict]] = {}
    earlier: list[Report] = []
    for report in reports:
        digest = report.digests.get("samples")
        if digest in answers:
            continue
        answers |= {digest} if digest is not None else set()
        taken = {(one.id, one.sample) for each in earlier if repeats(report, each) for one in each.verdicts}
        earlier.append(report)
        for verdict in report.verdicts:
            if verdict.id in report.rows or (verdict.id, verdict.sample) in taken:
                continue
            if not report.greedy:
                yield report, verdict
                continue
            key = (report.model, verdict.id)
            if key not in copies or copies[key][1].verdict == "infrastructure":
                copies[key] = (report, verdict)
    yield from copies.values()


def repeats(report: Report, earlier: Report) -> bool:
    """Whether most answers of a run took as many tokens as those of an earlier one to the same samples.

    Without `--seed` two runs send the same seeds. An endpoint that draws by the seed, as local servers do,
    repeats its answers; hosted ones mostly ignore it, and their answers are draws of their own.
    """
    if report.greedy or report.model is None or report.model != earlier.model:
        return False
    before, after = (
        {(one.id, one.sample): (one.calls, one.input_tokens, one.output_tokens) for one in each.usage}
        for each in (earlier, report)
    )
    common = before.keys() & after.keys()
    return len(common) >= _FEWEST_ALIKE and 2 * sum(before[key] == after[key] for key in common) >= len(
        common
    )


def repeat_remark(reports: Sequence[Report]) -> str | None:
    """Return that runs repeat the answers of others, and what to type; None if none does."""
    if not any(repeats(one, other) for number, one in enumerate(reports) for other in reports[:number]):
        return None
    return (
        "the endpoint repeated its answers, as runs sent the same seeds: they count once. Give each --seed N"
    )
