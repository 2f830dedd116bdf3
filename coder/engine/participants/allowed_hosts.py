"""Hosts that a session's programs and `web_fetch` may reach, as a person allows them between two calls."""

from coder.config.permission_rules import allows_pages, denies_pages, of_host
from coder.engine.participants.call_permission import call_key
from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.extensions import Ruling
from coder.run.questions import Question
from coder.tools.tool import Fetches, Tool
from sandbox.network.allowed_hosts import parse_hosts


def web_tools(turn: Turn) -> list[Tool]:
    """Return `web_fetch`; empty if no host is allowed or can be asked about, or if a rule denies the tool."""
    settings = turn.state.settings
    is_allowed = False
    if settings.rules is not None:
        if denies_pages(settings.rules):
            return []
        is_allowed = allows_pages(settings.rules)
    if not (settings.network or turn.bench.asks_about_hosts or is_allowed):
        return []
    from coder.tools.web_fetch import WebFetch  # most runs have no network

    return [WebFetch(lambda host, port: _may_fetch(turn, host, port))]


async def refuse_page(turn: Turn, tool: Fetches, call: ToolCall) -> str | None:
    """Ask the user about a page whose host isn't allowed yet; return a text for the model on a refusal."""
    from coder.environment.asked_hosts import format_host

    try:
        address = tool.address(call.parsed())
    except ValueError:
        return None  # the call itself says why
    if _may_fetch(turn, address.host, address.port):
        return None
    host = format_host(address.host, address.port)
    ruling = _ruling(turn, address.host)
    if ruling is not None and ruling.verdict == "deny":
        return f"[The user's rule denies {host}: {ruling}]"
    if not turn.bench.asks_about_hosts:
        return f"[{host} is not among the hosts that the user allows.]"
    reach = "by pages and programs" if turn.bench.asked_hosts is not None else "by pages"
    question = Question(
        kind="approve",
        about="network",
        text=f"Get {address.url}? A yes lets {host} be reached {reach} in this run.",
        subject=host,
        note=f"your rule: {ruling}" if ruling is not None else "",
        by=turn.participant,
    )
    answer = await turn.question(question, key=call_key(turn.state, call))
    if answer.agrees:
        return None
    return f"[The user does not let {host} be reached.{f' {answer.words}' if answer.words else ''}]"


def _may_fetch(turn: Turn, host: str, port: int) -> bool:
    """Whether a flag or a person allows a host."""
    from coder.environment.asked_hosts import format_host

    ruling = _ruling(turn, host)
    if ruling is not None and ruling.verdict != "ask":
        return ruling.verdict == "allow"
    is_listed = ruling is None and any(
        entry.covers(host, port) for entry in parse_hosts(turn.state.settings.network)
    )
    return is_listed or ("network", format_host(host, port)) in turn.state.questions.granted


def _ruling(turn: Turn, host: str, *, is_page: bool = True) -> Ruling | None:
    """Return the ruling of the user's rules on a host, or with `is_page` on a page of the host."""
    rules = turn.state.settings.rules
    if rules is None:
        return None

    return of_host(rules, host, is_page=is_page)


async def ask_about_hosts(turn: Turn) -> list[str]:
    """Ask the user about each host that a call's programs failed to reach; return lines for the model."""
    hosts = turn.bench.asked_hosts
    return [await _ask(turn, host) for host in (hosts.take() if hosts is not None else [])]


async def _ask(turn: Turn, host: str) -> str:
    ruling = _ruling(turn, host.rsplit(":", 1)[0], is_page=False)
    if ruling is not None and ruling.verdict == "deny":
        return f"[The user's rule denies {host}: {ruling}]"
    question = Question(
        kind="approve",
        about="network",
        text=f"Programs want to reach {host}. Let them?",
        subject=host,
        note=f"your rule: {ruling}" if ruling is not None and ruling.verdict == "ask" else "",
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
