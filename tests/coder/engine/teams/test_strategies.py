"""Strategies: who takes turns, what is taken in the end, and that a run goes on as it began."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from coder.base.errors import UsageError
from coder.engine.teams.strategies import apply_strategy, strategy_for
from coder.models.abilities import Abilities, continues_text, parameters_of
from coder.models.answer_parts import Alternative
from coder.models.model import Answer, ChatMessage
from coder.models.scripted import Scripted
from coder.models.wrapper import RoleModels
from coder.run.events import Draft, Event
from coder.run.run import Run
from coder.run.settings import Budget, Settings, StrategyChoice
from coder.run.task import Task, TestSource
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

ADD = "def add(a, b):\n    return a + b\n"
TWICE = "def add(a, b):\n    return a * 2 + b - a\n"
SUBTRACT = "def add(a, b):\n    return a - b\n"
FIVE = "def add(a, b):\n    return 5\n"
MULTIPLY = "def add(a, b):\n    return a * b - 1\n"
TASK = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
SMALL = "local/Tiny-135M"


def fenced(*codes: str) -> list[str]:
    """Answers with these codes."""
    return [f"```python\n{code}```\n" for code in codes]


async def solved_by(
    strategy: StrategyChoice,
    *answers: str | Answer,
    task: Task = TASK,
    budget: Budget | None = None,
    name: str = "a/b",
) -> tuple[Run, Scripted]:
    """A run by a strategy, with these answers."""
    model = Scripted(answers, name=name)
    settings = Settings(strategy=strategy, budget=budget or Budget(max_calls=len(answers)))
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


async def test_one_shot_has_one_answer() -> None:
    run, model = await solved_by("one-shot", *fenced(SUBTRACT, ADD))

    assert (run.status, len(model.requests)) == ("unsolved", 1)


@pytest.mark.slow
async def test_best_of_n_takes_what_most_of_those_that_pass_do() -> None:
    run, model = await solved_by("best-of-n", *fenced(FIVE, MULTIPLY, ADD, SUBTRACT, TWICE))

    assert (run.status, run.verified, run.calls, run.attempts) == ("solved", "checks", 5, 5)
    assert run.files == {"solution.py": ADD}
    assert all(len(request.messages) == 2 for request in model.requests)  # none is a repair


@pytest.mark.slow
async def test_best_of_n_draws_no_more_once_three_that_pass_do_the_same() -> None:
    other = "def add(a, b):\n    return sum((a, b))\n"
    third = "def add(a, b):\n    return -(-a - b)\n"

    run, model = await solved_by("best-of-n", *fenced(ADD, other, third, FIVE, SUBTRACT, TWICE, MULTIPLY))

    assert (run.status, run.verified, len(model.requests)) == ("solved", "checks", 3)
    assert run.files == {"solution.py": ADD}


@pytest.mark.slow
async def test_best_of_n_draws_on_where_three_agree_on_a_constant_alone() -> None:
    fives = [f"def add(a, b):\n    return {five}\n" for five in ("5", "2 + 3", "6 - 1")]

    run, model = await solved_by("best-of-n", *fenced(*fives, ADD))

    assert (len(model.requests), run.files) == (4, {"solution.py": ADD})


async def test_best_of_n_draws_all_where_nothing_was_given_to_pass() -> None:
    adds = [f"def add(a, b):\n    return a + b + {zero}\n" for zero in ("0", "1 - 1", "2 - 2", "3 - 3")]

    run, model = await solved_by("best-of-n", *fenced(*adds), task=Task(prompt="Write add(a: int, b: int)."))

    assert (run.status, len(model.requests)) == ("unverified", 4)


async def test_best_of_n_ends_with_the_first_that_passes_given_tests() -> None:
    test = "from solution import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    task = Task(prompt="Write add(a, b).", test_files=(TestSource(path="test_add.py", text=test),))

    run, _ = await solved_by("best-of-n", *fenced(SUBTRACT, ADD, ADD), task=task)

    assert (run.status, run.attempts, run.calls) == ("solved", 3, 3)  # three are asked for at once


async def test_best_of_n_without_one_that_passes_is_unsolved() -> None:
    run, _ = await solved_by("best-of-n", *fenced(SUBTRACT, SUBTRACT))

    assert (run.status, run.exit_code) == ("unsolved", 1)


@pytest.mark.slow
async def test_best_of_n_chooses_although_no_call_is_left() -> None:
    budget = Budget(samples=9, max_calls=3)

    run, _ = await solved_by("best-of-n", *fenced(FIVE, ADD, TWICE), budget=budget)

    assert (run.status, run.files) == ("solved", {"solution.py": ADD})


@pytest.mark.slow
async def test_best_of_n_goes_on_after_an_interruption_with_no_call_made_twice() -> None:
    log = MemoryLog()
    settings = Settings(strategy="best-of-n", budget=Budget(samples=3, max_calls=20))
    broken = await solve(TASK, model=Scripted(fenced(FIVE)), settings=settings, log=log)

    run = await resume(broken.run_id, model=Scripted(fenced(ADD, TWICE)), log=log)

    assert broken.status == "error"  # the script had come to its end
    assert (run.status, run.files) == ("solved", {"solution.py": ADD})


class Killed(BaseException):
    """The process was killed."""


class MortalLog(MemoryLog):
    """A log whose process is killed once it holds so many events of all runs."""

    def __init__(self, lasts: int) -> None:
        super().__init__()
        self.lasts, self.types = lasts, list[str]()

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        if len(self.types) >= self.lasts:
            raise Killed
        self.types += [draft.type for draft in drafts]
        return await super().append(run, drafts, after=after, token=token)


async def killed(task: Task, model: Scripted, settings: Settings, log: MortalLog) -> str:
    """Solve a task until the process is killed, and return the run."""
    with pytest.raises(Killed):
        await solve(task, model=model, settings=settings, log=log)
    log.lasts = 10_000
    return (await log.runs())[0].run


@pytest.mark.slow
async def test_a_run_killed_after_any_type_of_event_ends_as_it_would_have() -> None:
    answers = fenced(FIVE, ADD, TWICE)
    settings = Settings(strategy="best-of-n", budget=Budget(max_calls=3))
    whole = MortalLog(10_000)
    await solve(TASK, model=Scripted(answers), settings=settings, log=whole)

    cuts = {type: cut for cut, type in enumerate(whole.types[:-1], start=1)}  # the last of each type
    for type, cut in cuts.items():
        log, model = MortalLog(cut), Scripted(answers)
        run = await killed(TASK, model, settings, log)
        lost = len(model.requests) - log.types.count("model.answered")
        more = Scripted(answers[log.types.count("model.answered") :])

        again = await resume(run, model=more, log=log, budget=Budget(max_calls=3 + lost, samples=3))

        assert (again.status, again.files) == ("solved", {"solution.py": ADD}), type
        assert len(model.requests) + len(more.requests) == 3 + lost


async def test_a_small_model_goes_on_with_a_function_that_is_begun_for_it() -> None:
    task = Task(prompt='def add(a, b):\n    """Add.\n\n    >>> add(2, 3)\n    5\n    """\n')

    run, model = await solved_by("auto", " return a - b", " return a + b", task=task, name=SMALL)

    begun = model.requests[0].messages[-1]
    assert begun == ChatMessage(role="assistant", content=f"```python\n{task.prompt.rstrip()}\n   ")
    assert "\ndef " in model.requests[0].sampling.stop
    assert (run.status, run.files["solution.py"]) == (
        "solved",
        "# Add.\n#\n# >>> add(2, 3)\n# 5\ndef add(a, b):\n    return a + b\n",
    )


def hesitant(text: str, **others: float) -> Answer:
    """An answer of a small model, and how it could have begun instead, with natural logarithms."""
    alternatives = tuple(Alternative(text=f" {other}", logprob=likely) for other, likely in others.items())
    return Answer(text=text, model=SMALL, alternatives=alternatives, cost_usd=Decimal(0))


BEGUN = Task(prompt='def add(a, b):\n    """Add.\n\n    >>> add(2, 3)\n    5\n    """\n')
HESITANT = (
    hesitant(" return a - b", total=-3.0, print=-9.0),
    hesitant(" return b - a", result=-2.0),
    hesitant(" return a"),
)


@pytest.mark.slow
async def test_after_each_form_a_small_model_goes_on_from_the_likeliest_other_beginning() -> None:
    run, model = await solved_by(
        "auto", *HESITANT, " = a * b\n    return result", " = a + b\n    return total", task=BEGUN, name=SMALL
    )

    fourth, fifth = (request.messages[-1].content for request in model.requests[3:])
    assert fourth.endswith("def add(a, b):\n    result")
    assert fifth.endswith('    """\n    total')
    assert [request.sampling.temperature for request in model.requests] == [0.0] * 5
    assert [request.sampling.alternatives for request in model.requests] == [5, 5, 5, 0, 0]
    assert (run.status, run.files["solution.py"]) == (
        "solved",
        f"{BEGUN.prompt}    total = a + b\n    return total\n",
    )


@pytest.mark.slow
async def test_no_beginning_is_gone_on_from_twice_or_where_it_was_said_already() -> None:
    same = hesitant(" return a - b", total=-3.0), hesitant(" total = 1", total=-1.0), hesitant(" return a")

    _, model = await solved_by("auto", *same, " = 2", " return a", task=BEGUN, name=SMALL)

    begun = [request.messages[-1].content for request in model.requests]
    assert begun[3].endswith('    """\n    total')
    assert begun[4] == begun[1]  # none is left: by chance
    assert [request.sampling.temperature for request in model.requests[3:]] == [0.0, 0.8]


@pytest.mark.slow
async def test_a_run_that_was_killed_goes_on_from_the_same_beginning() -> None:
    settings = Settings(strategy="best-of-n", budget=Budget(max_calls=5))
    rest = " = a + b\n    return result"
    whole = MortalLog(10_000)
    run = await solve(BEGUN, model=Scripted([*HESITANT, rest], name=SMALL), settings=settings, log=whole)
    fourth = [place for place, type in enumerate(whole.types) if type == "model.requested"][3]
    log = MortalLog(fourth)
    first = await killed(BEGUN, Scripted([*HESITANT, rest], name=SMALL), settings, log)
    model = Scripted([rest], name=SMALL)

    again = await resume(first, model=model, log=log)

    assert model.requests[0].messages[-1].content.endswith("def add(a, b):\n    result")
    assert again.files == run.files


async def test_one_shot_begins_the_function_for_a_small_model_too() -> None:
    run, model = await solved_by("one-shot", " return a + b", task=BEGUN, name=SMALL)

    assert model.requests[0].messages[-1].role == "assistant"
    assert (run.status, run.calls) == ("solved", 1)


async def test_a_small_model_is_asked_as_others_where_no_single_function_is_missing() -> None:
    run, model = await solved_by("best-of-n", *fenced(ADD), task=Task(prompt="Print five."), name=SMALL)

    assert run.status == "unverified"
    assert model.requests[0].messages[-1].role == "user"


async def test_a_strong_model_is_asked_after_two_failures() -> None:
    cheap, strong = (
        Scripted(fenced(SUBTRACT, MULTIPLY), name="a/cheap"),
        Scripted(fenced(ADD), name="a/strong"),
    )
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 2) == 4",))
    settings = Settings(strategy="auto", strong_model="a/strong")

    run = await solve(task, model=RoleModels(cheap, {"expert": strong}), settings=settings, log=MemoryLog())

    assert (run.status, len(cheap.requests), len(strong.requests)) == ("solved", 2, 1)


def test_escalate_without_a_second_model_is_refused() -> None:
    with pytest.raises(UsageError, match="--strong-model"):
        apply_strategy(Settings(strategy="escalate"), TASK, model="a/b")


@pytest.mark.parametrize(
    ("settings", "task", "model", "taken"),
    [
        (Settings(), TASK, "a/b", "act"),
        (Settings(plan=True), TASK, "a/b", "act"),
        (Settings(chat=True), TASK, "a/b", "act"),
        (Settings(kernel=True), TASK, "a/b", "act"),
        (Settings(budget=Budget(repairs=2)), TASK, "a/b", "repair"),
        (Settings(), TASK, "local/large-7B", "repair"),
        (Settings(), TASK, "ollama/qwen2.5-coder:1.5b", "repair"),
        (Settings(), TASK, "ollama/qwen2.5-coder:7b", "act"),
        (Settings(), TASK, SMALL, "best-of-n"),
        (Settings(plan=True), TASK, SMALL, "repair"),
        (Settings(budget=Budget(max_calls=1)), TASK, "a/b", "act"),
        (Settings(budget=Budget(samples=4)), TASK, "a/b", "act"),
        (Settings(), TASK.model_copy(update={"test_command": ("x",)}), SMALL, "repair"),
        (Settings(budget=Budget(samples=4)), TASK, "local/large-7B", "repair"),
        (Settings(budget=Budget(samples=2)), TASK, "ollama/qwen2.5-coder:1.5b", "repair"),
        (Settings(strong_model="a/c"), TASK, "a/b", "escalate"),
    ],
)
def test_auto_goes_by_task_model_and_budget(settings: Settings, task: Task, model: str, taken: str) -> None:
    assert strategy_for(settings, task, model=model) == taken


def test_where_no_session_can_be_had_a_model_repairs() -> None:
    assert strategy_for(Settings(), TASK, model="a/b", sessions=False) == "repair"


@pytest.mark.parametrize(("context", "taken"), [(None, "act"), (8191, "repair"), (8192, "act")])
def test_a_model_that_reads_little_does_not_act(context: int | None, taken: str) -> None:
    assert strategy_for(Settings(), TASK, model="a/b", abilities=Abilities(context=context)) == taken


@pytest.mark.parametrize(
    ("name", "size", "small"),
    [
        ("local/SmolLM2-135M-Instruct", 135_000_000, True),
        ("anthropic/claude-opus-4[1m]", None, False),
        ("local/Qwen2.5-Coder-0.5B-Q4", 500_000_000, True),
        ("local/Qwen2.5-7B", 7_000_000_000, False),
        ("openai/small-135M", 135_000_000, False),
        ("local/llama", None, False),
    ],
)
def test_a_models_name_tells_its_size(name: str, size: int | None, small: bool) -> None:
    assert (parameters_of(name), continues_text(name)) == (size, small)
