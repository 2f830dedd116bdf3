"""Write the evidence of one sample as a static HTML page: task, verdict, diff, log of the grader, trace.

Every value is escaped by the template and taken from the log, with secrets replaced and lengths bounded. A
content security policy allows the page's own style alone: it runs no script and loads nothing.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.report import SampleUsage
from benchmarks.reports.page import page_environment, read_part
from benchmarks.runner.runlog import BenchJudged
from benchmarks.suite import Case, RepositoryCase
from benchmarks.verdict import Strength, Verdict, is_pass
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import printable
from coder.run.events import Event
from coder.show.render import money
from coder.show.run_transcript import Transcript, TranscriptEntry

MAX_TEXT = 200_000
"""Show at most this many characters of each of task, diff and log."""
MAX_PART = 8_000
"""Show at most this many characters of one text of the trace."""
MAX_TRACE = 2_000_000
_SLUG_LENGTH = 48
_LINE_KINDS = {"+": "added", "-": "removed", "@": "hunk", "d": "file"}


@dataclass(frozen=True, slots=True)
class SampleEvidence:
    """Content of the page of one sample."""

    case: Case
    judged: BenchJudged
    answer: str = ""
    """Text of the answer, if it is a module, a script or a patch."""
    events: Sequence[Event] = ()
    """Events of the model's run with its attempts; empty without a model."""
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed in the report."""


def page_name(case: str, sample: int) -> str:
    """Return the file name of a sample's page: letters, digits, `-` and `_`, different for each sample."""
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", case).strip("-")[:_SLUG_LENGTH]
    return f"{slug}-{hashlib.sha256(case.encode(errors='replace')).hexdigest()[:12]}-{sample}.html"


def sample_page(evidence: SampleEvidence) -> str:
    """Return the page of one sample. Raises MissingExtra if jinja2 isn't installed."""
    judged, verdict = evidence.judged, evidence.judged.verdict
    clean = _Cleaner()
    patch = judged.evidence.patch
    answer = evidence.answer
    if isinstance(evidence.case, RepositoryCase):
        patch, answer = answer, ""
    return (
        page_environment()
        .get_template("sample.html.j2")
        .render(
            heading=clean.text(verdict.id),
            sample=verdict.sample,
            verdict=verdict,
            facts=[(name, clean.text(value)) for name, value in _facts(verdict, evidence)],
            task=clean.text(evidence.case.prompt),
            diff=[(_LINE_KINDS.get(line[:1], ""), line) for line in clean.text(patch).splitlines()],
            answer=clean.text(answer),
            log=clean.text(judged.evidence.log or verdict.output),
            trace=list(_trace(evidence.events, clean)),
            style=read_part("page.css"),
        )
    )


class _Cleaner:
    """Replaces secrets and control characters in texts, and shortens them."""

    def __init__(self) -> None:
        self._redact = Redactor.from_environment().redact

    def text(self, text: str, *, longest: int = MAX_TEXT) -> str:
        half = longest // 2
        if len(text) <= 4 * longest:
            clean_text = self._clean(text)
            if len(clean_text) <= longest:
                return clean_text
            start, end = clean_text[:half], clean_text[-half:]
        else:  # a secret that these cuts divide is outside of what is shown
            start, end = self._clean(text[: 2 * longest])[:half], self._clean(text[-2 * longest :])[-half:]
        left_out = f"\n… about {len(text) - len(start) - len(end):,} characters are left out here …\n"
        return start + left_out + end

    def _clean(self, text: str) -> str:
        return printable(self._redact(text)).strip("\n")


def _facts(verdict: Verdict, evidence: SampleEvidence) -> Iterable[tuple[str, str]]:
    judged, least = evidence.judged, evidence.min_strength
    if verdict.verdict == "passed" and not is_pass(verdict.verdict, verdict.strength, least):
        yield "counted", f"as not passed: {verdict.strength} is below {least}"
    if verdict.detail:
        yield "detail", verdict.detail
    if verdict.rewards:
        yield "rewards", ", ".join(f"{name} {value:g}" for name, value in verdict.rewards.items())
    for name, lines in (("outside the work folder", verdict.outside), ("alarms", verdict.tripped)):
        if lines:
            yield name, "\n".join(lines)
    if verdict.base is not None:
        yield "base tests", verdict.base
    yield "judging", f"{verdict.wall_s:g} s"
    if judged.usage is not None:
        yield "model", _usage_text(judged.usage)
    if judged.run_id is not None:
        yield "run", judged.run_id


def _usage_text(usage: SampleUsage) -> str:
    tokens = f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens"
    return f"{usage.calls} calls, {tokens}, {money(usage.cost_usd)}, {usage.seconds:.1f} s"


def _trace(events: Sequence[Event], clean: _Cleaner) -> Iterable[TranscriptEntry]:
    """Yield the shortened entries of a transcript; the last entry tells how many are left out."""
    transcripts: dict[str, Transcript] = {}
    characters_left = MAX_TRACE
    for number, event in enumerate(events):
        entry = transcripts.setdefault(event.run, Transcript()).entry(event)
        if entry is None:
            continue
        transcript_entry = TranscriptEntry(
            entry.seq,
            entry.type,
            clean.text(entry.heading, longest=MAX_PART),
            tuple(
                type(part)(clean.text(part.title), clean.text(part.text, longest=MAX_PART), part.is_aside)
                for part in entry.parts
            ),
        )
        characters_left -= len(transcript_entry.heading) + sum(
            len(part.text) for part in transcript_entry.parts
        )
        if characters_left < 0:
            yield TranscriptEntry(event.seq, "", f"… {len(events) - number:,} more events aren't shown")
            return
        yield transcript_entry
