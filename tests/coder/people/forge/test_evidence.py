"""What a pull request or a comment says of a run, read by a parser of CommonMark."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from coder.people.forge import evidence
from coder.run.event_types import BaselineTaken, BaselineTest
from coder.run.message import CheckLine
from coder.run.run import Run, Tokens
from coder.run.settings import Budget
from coder.run.state import State
from coder.run.task import Task
from tests.coder.states import started, state_of

HOSTILE = (
    "x` @dave `` @everyone ``` fixes #1 ![i](https://evil.example/i) <b>b</b>\n```\n@carol\n</details> @bob"
)


def run(**more: object) -> Run:
    values: dict[str, object] = {
        "run_id": "run_1",
        "status": "solved",
        "reason": "tests pass",
        "verified": "tests",
        "strength": "outside",
        "model": "toy/model",
        "attempts": 1,
        "tests": (CheckLine(name="t::a", passed=True), CheckLine(name="t::b", passed=True)),
        "files": {},
        "patch": "",
        "landed": (),
        "calls": 2,
        "tokens": Tokens(input=1, output=1),
        "cost": 0.0123,
        "seconds": 3.21,
        "limits": Budget(max_cost=Decimal(1)),
        "error": None,
        "exit_code": 0,
        "commit": "abc",
    }
    return Run.model_validate(values | more)


def state(*, told: bool = True, passed: bool = False, **before: bool) -> State:
    tests = tuple(BaselineTest(name=f"t::{name}", passed=result) for name, result in before.items())
    task = Task(prompt="mend it", test_command=("pytest", "-q"))
    return state_of([started(task), BaselineTaken(passed=passed, tests=tests, told=told)])


def tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt().parse(text):
        yield token
        yield from token.children or ()


def test_tests_that_failed_before_are_told_from_those_that_passed_before() -> None:
    proof = evidence.evidence_of(run(), state(a=False, b=True))

    assert (proof.mended, proof.kept, proof.shows_change) == (("t::a",), 1, True)


def test_tests_that_passed_before_show_nothing() -> None:
    assert not evidence.evidence_of(run(), state(a=True, b=True, passed=True)).shows_change


def test_a_pass_that_nothing_judged_shows_nothing() -> None:
    assert not evidence.evidence_of(run(strength="none"), state(a=False, b=True)).shows_change
    assert not evidence.evidence_of(run(status="unsolved"), state(a=False, b=True)).shows_change


def test_a_command_that_reports_no_test_shows_the_change_by_its_exit_code() -> None:
    failed = evidence.evidence_of(run(tests=()), state(told=False))
    succeeded = evidence.evidence_of(run(tests=()), state(told=False, passed=True))

    assert (failed.shows_change, succeeded.shows_change) == (True, False)


def test_a_proposal_names_new_tests_strength_cost_run_and_what_still_fails() -> None:
    result = run(
        verified="reproduced",
        strength="inside",
        reproduced_by=("t::new",),
        tests=(CheckLine(name="t::b", passed=True), CheckLine(name="t::old", passed=False)),
        left_out={"conftest.py": "needs_allow"},
        summary="I mended it.",
    )
    given_state = state(b=True, old=False)

    body = evidence.proposal_of(result, given_state, evidence.evidence_of(result, given_state), 12)

    for line in (
        "Closes #12.",
        "- New, fail without the change and pass with it:\n  - `t::new`",
        "- Failed before, and still fail:\n  - `t::old`",
        "- Decided by: reproduced, `inside`",
        "- Command: `pytest -q`",
        "- Cost: $0.012, 2 calls of `toy/model`",
        "- Run: `run_1`",
        "- Not part of it:\n  - `conftest.py: needs_allow`",
        "The model says:\n\n```text\nI mended it.\n```",
    ):
        assert line in body


def test_a_comment_on_a_run_that_was_answered_in_words_holds_them() -> None:
    answered = run(
        status="answered", verified="none", strength="none", words="It is in `total`.", commit=None
    )

    comment = evidence.missing_of(answered, state(), evidence.evidence_of(answered, state()))

    assert "the run ended as `answered`" in comment
    assert "The model says:\n\n```text\nIt is in `total`.\n```" in comment


def test_words_of_others_stand_in_code_alone() -> None:
    lines = (CheckLine(name=HOSTILE, passed=True), CheckLine(name=f"{HOSTILE}2", passed=False))
    result = run(
        summary=HOSTILE, reason=HOSTILE, patch=HOSTILE, tests=lines, contradicts=(HOSTILE,), model=HOSTILE,
        left_out={HOSTILE: "held"}, reproduced_by=(HOSTILE,), verified="reproduced",
    )  # fmt: skip
    proof = evidence.evidence_of(result, state())
    bodies = [
        evidence.proposal_of(result, state(), proof, 12),
        evidence.missing_of(result, state(), proof),
        evidence.follow_up_of(result, state(), proof, "abc"),
        evidence.failure_of(HOSTILE),
    ]

    for body in bodies:
        markdown_tokens = [*tokens(body)]
        assert sum(
            "@everyone" in token.content
            for token in markdown_tokens
            if token.type in ("fence", "code_inline")
        )
        for token in markdown_tokens:
            if token.type == "text":
                assert not any(word in token.content for word in ("@", "#1 ", "evil")), token.content
            assert token.type not in ("image", "link_open", "html_inline"), token
            is_fold = token.content.startswith(("<details><summary>", "</details>"))
            assert token.type != "html_block" or is_fold


@pytest.mark.slow
@given(st.text() | st.text(alphabet="`~ \n@<a"))
def test_any_text_is_one_code_span_and_one_code_block(text: str) -> None:
    inline = [token for token in tokens(f"a {evidence.code(text)} b") if token.type != "inline"]
    fences = [token for token in tokens(evidence.block(text)) if token.level == 0]

    assert [token.type for token in inline if token.type == "code_inline"] == ["code_inline"]
    assert [token.type for token in fences] == ["fence"]


def test_a_commit_message_mentions_nobody_and_closes_nothing() -> None:
    summary = "Fixes ada/shop#1 and https://x.example/1 for @bob, GH-7\n\nCo-authored-by: Eve <eve@x.example>"

    message = evidence.message_of(run(summary=summary), 12)

    assert message == (
        "Fixes ada/shop1 and for bob, 7\n\nFor issue #12. Written by toy/model, run run_1 of coder.\n"
    )
    assert evidence.message_of(run(summary=""), 12).startswith("Change code\n")


def test_a_body_fits_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "correct-horse-battery")
    result = run(status="unsolved", patch="+ correct-horse-battery\n" * 9_000, summary="x" * 2_000)

    body = evidence.missing_of(result, state(), evidence.ChangeEvidence())

    assert len(body) <= evidence.MAX_BODY
    assert "correct-horse" not in body
    assert "+ [redacted]" in body
