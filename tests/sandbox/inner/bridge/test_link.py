"""The checker's side, against a candidate that may send anything."""

import queue
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.inner.bridge.candidate_line import ENDED, FROM_CANDIDATE, TIMED_OUT
from sandbox.inner.bridge.codec import decode, encode
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import Function, Proxy
from sandbox.inner.bridge.show_values import CandidateGone, CannotCross
from tests.sandbox.inner.bridge.test_codec import VALUES


class Extension:
    """Stands in a hostile answer for a payload that the codec itself would never write."""

    def __init__(self, payload: object) -> None:
        self.payload = payload


class Line:
    """A channel whose other end answers each frame with the next of its own, and then says that it ended."""

    def __init__(self, *answers: bytes) -> None:
        self.sent: list[Any] = []
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for answer in answers:
            self._answers.put(answer)

    def send(self, frame: bytes) -> None:
        self.sent.append(decode(frame, resolve=lambda payload: payload))

    def receive(self) -> bytes | None:
        return ENDED if self._answers.empty() else self._answers.get()


def link(*answers: object) -> CandidateLink:
    """A link to a candidate that gives these answers: values to encode, or bytes as they are."""
    frames = [
        answer if isinstance(answer, bytes) else encode(answer, refer=lambda value: value.payload)  # type: ignore[attr-defined]
        for answer in answers
    ]
    return CandidateLink(Line(*(FROM_CANDIDATE + frame for frame in frames)))  # type: ignore[arg-type]


KINDS = st.sampled_from(
    [
        "object",
        "class",
        "function",
        "module",
        "generator",
        "error",
        "record",
        "yours",
        "lent",
        "range",
        "builtin",
        "copy",
        "iterator",
        "dict_keys",
        "dict_values",
        "dict_items",
        "mappingproxy",
        "ChainMap",
        "UserDict",
        "UserList",
    ]
)
PAYLOADS = st.tuples(KINDS, st.integers(-1, 3)) | st.tuples(KINDS, VALUES, VALUES) | VALUES
HOSTILE = st.recursive(
    VALUES | PAYLOADS.map(Extension),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(KINDS, inner, inner).map(Extension),
    max_leaves=6,
)
ANSWERS = (
    st.binary(max_size=80)
    | st.tuples(st.just("value"), HOSTILE, st.just(()), st.just(""))
    | st.tuples(st.just("value"), HOSTILE, HOSTILE, HOSTILE)
    | st.tuples(st.just("raised"), HOSTILE, HOSTILE, HOSTILE, st.just(()), st.just(""))
    | st.tuples(st.just("ask"), st.sampled_from(["call", "get", "set", "operator", "x"]), HOSTILE, HOSTILE)
    | HOSTILE
)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_whatever_a_candidate_answers_is_a_value_or_a_known_error(answers: list[object]) -> None:
    hostile = link(*answers)

    with suppress(CandidateGone, CannotCross, RecursionError):
        try:
            hostile.request("call", Function(hostile, 0, "f", "function"), ([1], {"k": {2}}), {})
        except BaseException as error:
            if "__where__" not in vars(error):  # else it is one that the candidate raised, as it may
                raise


@pytest.mark.parametrize(
    "answer",
    [
        ("value", 1),
        ("value", 1, ((0, [1]),), ""),
        ("value", 1, ((99, []),), ""),
        ("value", 1, ((True, []),), ""),
        ("value", 1, (), b"not text"),
        ("raised", "no exception", (), "", (), ""),
        ("verdict", True, (), ""),
        ["value", 1, (), ""],
        None,
    ],
)
def test_an_answer_that_is_none_ends_the_conversation(answer: object) -> None:
    hostile = link(answer, ("value", 1, (), ""))

    with pytest.raises(CandidateGone, match="isn't an answer"):
        hostile.request("call", None, (), {})
    with pytest.raises(CandidateGone, match="not run"):
        hostile.request("call", None, (), {})


@pytest.mark.parametrize("fields", [("__eq__",), ("_x",), ("not a name",), (1,), ["x"], "x"])
def test_a_record_cannot_name_its_fields_after_operators(fields: object) -> None:
    description = ("R", "R", "solution", [], (), (), fields)
    hostile = link(("value", Extension(("record", 0, (1,))), (), ""), ("value", description, (), ""))

    with pytest.raises(CandidateGone, match="isn't an answer"):
        hostile.request("call", None, (), {})


def test_classes_that_are_described_by_one_another_without_end_are_refused() -> None:
    answers = [
        ("value", ("A", "A", "m", [Extension(("class", n))], (), (), None), (), "") for n in (1, 2) * 40
    ]
    hostile = link(("value", Extension(("class", 2)), (), ""), *answers)

    with pytest.raises(RecursionError, match="nested deeper"):
        hostile.request("call", None, (), {})


def test_a_changed_argument_is_changed_here() -> None:
    mine = [3, 1]

    # Numbered in the order of the request: its containers are the list and the empty dict of keywords.
    link(("value", None, ((0, [1, 3]),), "")).request("call", None, (mine,), {})

    assert mine == [1, 3]


def test_a_tests_objects_answer_what_was_asked_of_them() -> None:
    request = ("ask", "call", 0, (5,), {})
    here = link(request, ("value", 1, (), ""))

    here.request("call", None, (lambda x: x + 1,), {})

    line: Any = here._line
    assert line.sent[1] == ("answer", 6, ())


@pytest.mark.parametrize(
    "asked",
    [
        ("ask", "get", 0, "__globals__"),
        ("ask", "get", 0, "func_code"),
        ("ask", "set", 0, "x", 1),
        ("ask", "operator", 0, "__getitem__", (1,)),
        ("ask", "operator", 0, "__import__", ("os",)),
        ("ask", "call", 7, (), {}),
        ("ask", "call", -1, (), {}),
        ("ask", "eval", 0, "1"),
        ("ask",),
    ],
)
def test_a_tests_function_may_only_be_called(asked: tuple[object, ...]) -> None:
    here = link(asked, ("value", 1, (), ""))

    here.request("call", None, (lambda x: x + 1,), {})

    line: Any = here._line
    assert line.sent[1][0] == "threw"


def test_text_that_a_call_printed_is_printed_here(capsys: pytest.CaptureFixture[str]) -> None:
    link(("value", None, (), "hello\n")).request("call", None, (), {})

    assert capsys.readouterr().out == "hello\n"


def test_a_process_that_ended_is_said_with_what_it_was_doing() -> None:
    here = link()

    with pytest.raises(CandidateGone, match=r"add\(2, \[3\]\): the candidate's process ended"):
        here.call(Proxy(here, 0), (2, [3]), {}, "add")


def test_time_that_ran_out_is_said_with_what_it_was_doing() -> None:
    here = CandidateLink(Line(), wall_s=3)  # type: ignore[arg-type]
    line: Any = here._line
    line._answers.put(TIMED_OUT)

    with pytest.raises(CandidateGone, match=r"import solution did not return within 3 s") as caught:
        here.request("import", "solution")

    assert caught.value.timed_out


def test_an_argument_that_is_too_large_is_no_fault_of_the_candidate() -> None:
    here = link(("value", 1, (), ""))

    with pytest.raises(CannotCross, match="bits"):
        here.request("call", None, (1 << 10**6,), {})

    assert here.request("call", None, (), {}) == 1
