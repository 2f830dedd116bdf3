"""A host is asked about once, few are, and no question outlives the work that it came from."""

import asyncio
import tracemalloc
from pathlib import Path

from coder.config.permissions import Permissions, ProjectPermissions
from coder.people.cli.host_questions import MAX_REFUSED, HostQuestions


class Person:
    """Answers what it is asked, or thinks for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.notes: list[str] = []
        self.thinks = asyncio.Event()

    async def answer(self, address: str) -> str:
        self.asked.append(address)
        if not self.answers:
            self.thinks.set()
            await asyncio.Event().wait()
        return self.answers.pop(0)


def questions(person: Person, tmp_path: Path) -> HostQuestions:
    return HostQuestions(Permissions(tmp_path / "data", tmp_path), person.answer, person.notes.append)


async def test_many_connections_to_one_host_are_one_question_and_ports_of_the_web_are_one_host(
    tmp_path: Path,
) -> None:
    person = Person("y", "n", "p")
    hosts = questions(person, tmp_path)

    async with hosts.asking():
        web = await asyncio.gather(*(hosts.may_reach("good.example", port) for port in (80, 443, 80)))
        other = await hosts.may_reach("good.example", 8080)
        address = await hosts.may_reach("2606:4700:4700::1111", 443)

    assert (web, other, address) == ([True] * 3, False, True)
    assert person.asked == ["good.example", "good.example:8080", "[2606:4700:4700::1111]"]
    assert Permissions(tmp_path / "data", tmp_path).allowed.hosts == ("[2606:4700:4700::1111]",)


async def test_a_flood_of_hosts_is_refused_after_few_questions(tmp_path: Path) -> None:
    person = Person(*["n"] * 50)
    hosts = questions(person, tmp_path)

    async with hosts.asking():
        decisions = await asyncio.gather(*(hosts.may_reach(f"h{n}.example", 80) for n in range(50)))
        tracemalloc.start()
        later = [await hosts.may_reach(f"later{n}.example", 80) for n in range(5_000)]
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert not any((*decisions, *later))
    assert kept < 1 << 18
    assert len(person.asked) == MAX_REFUSED


async def test_a_question_is_withdrawn_with_the_work_and_none_is_asked_at_rest(tmp_path: Path) -> None:
    person = Person()
    hosts = questions(person, tmp_path)

    async with hosts.asking():
        waiting = asyncio.create_task(hosts.may_reach("slow.example", 80))
        await person.thinks.wait()
    at_rest = await hosts.may_reach("slow.example", 80)

    assert (await waiting, at_rest) == (False, False)
    assert person.asked == ["slow.example"]
    assert not hosts.turn.locked()


async def test_a_question_gives_way_to_one_about_a_change_and_may_be_asked_again(tmp_path: Path) -> None:
    person = Person()
    hosts = questions(person, tmp_path)

    async with hosts.asking():
        waiting = asyncio.create_task(hosts.may_reach("slow.example", 80))
        await person.thinks.wait()
        await hosts.withdraw()
        was_free = not hosts.turn.locked()
        person.answers.append("y")
        again = await hosts.may_reach("slow.example", 80)

    assert (await waiting, was_free, again) == (False, True, True)


async def test_what_another_conversation_has_allowed_or_forgotten_meanwhile_stays_so(tmp_path: Path) -> None:
    earlier = Permissions(tmp_path / "data", tmp_path)
    earlier.write(ProjectPermissions(hosts=("old.example",), auto=True))
    hosts = questions(Person("p"), tmp_path)
    earlier.write(ProjectPermissions(hosts=("other.example",)))

    async with hosts.asking():
        await hosts.may_reach("new.example", 443)

    assert earlier.reload() == ProjectPermissions(hosts=("other.example", "new.example"))


async def test_a_permission_that_can_not_be_kept_holds_this_time(tmp_path: Path) -> None:
    person = Person("p")
    hosts = questions(person, tmp_path)
    (tmp_path / "data").write_text("no folder")

    async with hosts.asking():
        allowed = await hosts.may_reach("good.example", 80)

    assert allowed
    assert "allowed this time only" in person.notes[0]
