"""Summary: the Run that a caller gets, folded from the state."""

from coder.run.attempts import CHOOSER, best_code, decisive_outcome, samples_used
from coder.run.event_types import CommitMade, CommitRefused, Limit, RunStopped
from coder.run.message import Message
from coder.run.run import LeftOut, Run, Tokens
from coder.run.state import State
from coder.text.binary import is_binary


def summarize(state: State) -> Run:
    """What is known of a run; one that has not stopped is said to be interrupted."""
    stopped = state.stopped or RunStopped(status="interrupted", reason="it has not ended yet", exit_code=130)
    best, made = best_code(state), state.committed
    last = best or next(reversed(state.codes), None)
    shown = state.landing or state.proposed
    least = state.exhausted.least if state.exhausted is not None else None
    outcome = decisive_outcome(state)
    caused = outcome if outcome is not None and stopped.status != "solved" else None
    return Run(
        run_id=state.run,
        status=stopped.status,
        reason=stopped.reason,
        verified=stopped.verified,
        strength=outcome.strength if outcome is not None and outcome.passed else "none",
        model=state.model,
        samples=samples_used(state),
        attempts=sum(1 for message in state.codes if not message.repeats and message.author != CHOOSER),
        tests=outcome.checks if outcome is not None else (),
        lint=outcome.lint if outcome is not None else (),
        files=_texts(best) if best is not None else {},
        patch=shown.patch if shown is not None else "",
        reproduced_by=outcome.reproduced_by if outcome is not None else (),
        contradicts=outcome.contradicts if outcome is not None else (),
        test_patch=shown.tests if shown is not None else "",
        left_out=_left_out(state, last),
        landed=standing(state),
        commit=made.commit if isinstance(made, CommitMade) else None,
        branch=made.branch if isinstance(made, CommitMade) else None,
        uncommitted=made.reason if isinstance(made, CommitRefused) else None,
        calls=state.calls,
        tokens=Tokens(
            input=state.input_tokens,
            output=state.output_tokens,
            cached=state.cached_tokens,
            reasoning=state.reasoning_tokens,
        ),
        cost=float(state.cost_usd) if state.cost_known else None,
        seconds=round(state.seconds, 3),
        limits=state.budget,
        limit=_limit(state) if stopped.status == "limit" else None,
        limit_least=float(least) if stopped.status == "limit" and least is not None else None,
        cause=caused.cause if caused is not None else None,
        lacks=caused.lacks if caused is not None else (),
        error=stopped.error,
        exit_code=stopped.exit_code,
    )


def standing(state: State) -> tuple[str, ...]:
    """Paths that the run has written and `coder undo` hasn't taken back."""
    return () if state.taken_back else tuple(path for path in state.landed if path not in state.undone)


def _texts(code: Message) -> dict[str, str]:
    files = {path: text for path, text in code.files.items() if text is not None}
    return {path: text for path, text in files.items() if not is_binary(text)}


def _left_out(state: State, last: Message | None) -> dict[str, LeftOut]:
    found: dict[str, LeftOut] = {**state.left_out}
    for path in last.test_edits if last is not None else ():
        found[path] = "needs_allow"
    for path in last.left_out if last is not None else ():
        found[path] = "decides"
    landed = standing(state)
    return {path: why for path, why in sorted(found.items()) if path not in landed}


def _limit(state: State) -> Limit:
    if state.exhausted is not None:
        return state.exhausted.limit
    return "time" if state.seconds >= state.budget.seconds else "calls"
