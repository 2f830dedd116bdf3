"""`coder flow`: a user's function runs, waits for a person, and goes on from any terminal."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console

FLOW = """
from pydantic import BaseModel
from coder.flows import Flow

class Order(BaseModel):
    item: str
    count: int

class Receipt(BaseModel):
    text: str

def price(order: Order) -> int:
    with open("calls.txt", "a") as file:
        file.write("price ")
    return 3 * order.count

async def buy(flow: Flow, order: Order) -> Receipt:
    total = await flow.step("price", price, order)
    answer = await flow.ask(f"Pay {total}?", options=["cash", "card"])
    return Receipt(text=f"{total} by {answer.answer_text}")

async def untyped(flow: Flow, order) -> Receipt:
    return Receipt(text="")
"""


@pytest.mark.slow
def test_a_flow_waits_is_listed_and_shown_and_its_output_is_printed(console: Console, folder: Path) -> None:
    (folder / "shop.py").write_text(FLOW)
    (folder / "order.json").write_text('{"item": "tea", "count": 2}')

    waiting = console.run("flow", "run", "shop:buy", "--input", "order.json", cwd=folder)
    run = json.loads(console.run("flow", "ls", "--json").out)[0]["run_id"]
    listed = console.run("ls").out
    approved = console.run("approve", run, "--answer", "card")
    details = console.run("show", run).out

    assert waiting.code == 9, waiting.err
    assert "Pay 6?" in waiting.err
    assert f"coder approve {run}" in waiting.next
    assert "shop:buy" in listed
    assert (approved.code, json.loads(approved.out)) == (0, {"text": "6 by card"}), approved.err
    assert (folder / "calls.txt").read_text() == "price "
    assert "flow step 1  price" in details
    assert '"text": "6 by card"' in details
    assert console.run("resume", run).code == 2


@pytest.mark.slow
def test_what_cannot_run_is_refused_before_a_step(console: Console, folder: Path) -> None:
    (folder / "shop.py").write_text(FLOW)
    (folder / "order.json").write_text('{"item": "tea"}')
    (folder / "broken.json").write_text("{")

    def refused(name: str, *arguments: str) -> str:
        done = console.run("flow", "run", name, *arguments, cwd=folder)
        assert (done.code, "Traceback" in done.err) == (2, False), done.err
        return done.err

    assert "count: Field required" in refused("shop:buy", "--input", "order.json")
    without = refused("shop:buy")
    assert "Name a file with --input" in without
    assert '"required": ["item", "count"]' in without
    assert "isn't JSON" in refused("shop:buy", "--input", "broken.json")
    assert "the parameter order has no annotation" in refused("shop:untyped")
    assert "isn't an async function" in refused("shop:price")
    assert "no such function" in refused("shop:by")
    assert "Write MODULE:FUNCTION" in refused("shop")
    assert not (folder / "calls.txt").exists()
    assert "No flows yet" in console.run("flow", "ls").err
