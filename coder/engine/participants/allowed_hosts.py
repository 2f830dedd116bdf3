"""Hosts that the programs of a session may reach, as a person allows them between two calls."""

from coder.engine.turn.turn import Turn
from coder.run.questions import Question


async def ask_about_hosts(turn: Turn) -> list[str]:
    """Ask the user about each host that a call's programs failed to reach; return lines for the model."""
    hosts = turn.bench.asked_hosts
    return [await _ask(turn, host) for host in (hosts.take() if hosts is not None else [])]


async def _ask(turn: Turn, host: str) -> str:
    question = Question(
        kind="approve",
        about="network",
        text=f"Programs want to reach {host}. Let them?",
        subject=host,
        by=turn.participant,
    )
    answer = await turn.question(question, key=f"host {host} {turn.state.spend.tool_calls}")
    if not answer.agrees or turn.bench.asked_hosts is None:
        return f"[The user does not let programs reach {host}.{f' {answer.words}' if answer.words else ''}]"
    turn.bench.asked_hosts.allowed.add(host)
    return f"[Programs can reach {host} from now on. Run it again.]"


def open_allowed_hosts(turn: Turn) -> str:
    """Open the network to the hosts that the user has allowed; return a line for the model."""
    allowed = sorted(subject for about, subject in turn.state.questions.granted if about == "network")
    if turn.bench.asked_hosts is not None:
        turn.bench.asked_hosts.allowed.update(allowed)
    return f"\n[Programs can reach {', '.join(allowed)}.]" if allowed else ""
