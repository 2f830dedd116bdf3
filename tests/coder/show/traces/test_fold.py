"""Spans of recorded runs: each call, tool, program and question is exactly one, at its place."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as any_of
from opentelemetry.sdk.trace import ReadableSpan

from coder.flows import Flow, run_flow
from coder.run.costs import costs_of
from coder.run.events import Event
from coder.show.traces.fold import Trace
from tests.memory_log import MemoryLog

GOLDEN = Path(__file__).parents[2] / "golden"
LOGS = sorted(
    path for path in GOLDEN.rglob("*.jsonl") if "bench" not in path.stem and path.parent.name != "files"
)


def logged(path: Path) -> list[Event]:
    return [Event.model_validate_json(line) for line in path.read_text().splitlines()]


def spans_of(events: list[Event]) -> list[ReadableSpan]:
    trace = Trace(events[0].run)
    return [*trace.take(events), *trace.cut()]


def by_id(spans: list[ReadableSpan]) -> dict[int, ReadableSpan]:
    return {span.context.span_id: span for span in spans if span.context is not None}


def operation(span: ReadableSpan) -> str:
    return span.name.partition(" ")[0]


PARENTS = {
    "invoke_workflow": {"invoke_workflow", ""},
    "invoke_agent": {"invoke_workflow"},
    "chat": {"invoke_agent"},
    "execute_tool": {"invoke_agent", "execute_tool"},
    "program": {"invoke_agent", "invoke_workflow"},
    "question": {"invoke_agent", "invoke_workflow"},
}


def see_whole(events: list[Event], spans: list[ReadableSpan]) -> None:
    """See that each call, tool, program and question is exactly one span, below its own turn."""
    ids = by_id(spans)
    counts = Counter(operation(span) for span in spans)
    types = Counter(event.type for event in events)
    assert len(ids) == len(spans)
    assert counts["chat"] == types["model.requested"]
    assert counts["execute_tool"] == types["tool.called"] + types["code.called"]
    assert counts["program"] == types["program.started"] + types["baseline.taken"]
    assert counts["question"] == types["question.asked"]
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    for span in spans:
        parent = ids.get(span.parent.span_id) if span.parent is not None else None
        assert (operation(parent) if parent else "") in PARENTS[operation(span)], span.name
        assert span.start_time <= span.end_time
        if parent is not None and operation(span) not in ("invoke_workflow", "program"):
            assert parent.start_time <= span.start_time, span.name
            assert span.end_time <= parent.end_time, span.name
        if operation(span) == "chat":
            assert span.attributes["gen_ai.agent.name"] == parent.attributes["gen_ai.agent.name"]


def see_tokens(events: list[Event], spans: list[ReadableSpan]) -> None:
    """See that the tokens of all spans are those of the run."""
    usage, attributes = costs_of(events).usage, [span.attributes or {} for span in spans]
    assert sum(one.get("gen_ai.usage.input_tokens", 0) for one in attributes) == usage.input_tokens
    assert sum(one.get("gen_ai.usage.output_tokens", 0) for one in attributes) == usage.output_tokens


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_each_call_tool_program_and_question_is_one_span_below_its_turn(path: Path) -> None:
    see_whole(events := logged(path), spans := spans_of(events))
    see_tokens(events, spans)


@pytest.mark.slow
@given(path=any_of.sampled_from(LOGS), cut=any_of.floats(0, 1), again=any_of.floats(0, 1))
def test_any_prefix_folds_and_in_two_parts_it_folds_to_the_same(path: Path, cut: float, again: float) -> None:
    events = logged(path)
    prefix = events[: 1 + int(cut * len(events))]
    middle = int(again * len(prefix))
    trace = Trace(events[0].run)

    parts = [*trace.take(prefix[:middle]), *trace.take(prefix[middle:]), *trace.cut()]

    assert [span.to_json() for span in parts] == [span.to_json() for span in spans_of(prefix)]


async def test_each_step_of_a_flow_is_one_span_below_its_run(tmp_path: Path) -> None:
    def double(number: int) -> int:
        return 2 * number

    def fail(number: int) -> int:
        raise LookupError(number)

    async def steps(flow: Flow) -> int:
        await flow.map("double", double, [1, 2])
        return await flow.step("fail", fail, 1)

    log = MemoryLog()
    run = await run_flow(steps, None, log=log, folder=tmp_path)

    *step_spans, root = spans_of(await log.read(run.run_id))

    assert [span.name for span in step_spans] == [
        "execute_step double",
        "execute_step double",
        "execute_step fail",
    ]
    assert all(span.parent == root.context for span in step_spans)
    assert step_spans[-1].attributes is not None
    assert step_spans[-1].attributes["error.type"] == "LookupError"
