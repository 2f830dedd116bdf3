"""A module of flows that an operator names, below the folder of a server."""

from pathlib import Path

SHOP = '''
import asyncio
from pathlib import Path

from pydantic import BaseModel, Field

from coder.flows import Flow


class Order(BaseModel):
    number: int = Field(ge=0)


def double(number: int) -> int:
    with Path(__file__).with_name("doubled").open("a") as file:
        file.write("x")
    return 2 * number


async def until_open(number: int) -> int:
    while not Path(__file__).with_name("open").exists():
        await asyncio.sleep(0.05)
    return number + 1


async def waits(flow: Flow, order: Order) -> int:
    """Double a number, once a person agrees."""
    doubled = await flow.step("double it", double, order.number)
    return doubled if (await flow.ask("Go on with it?")).agrees else 0


async def pauses(flow: Flow, order: Order) -> int:
    """Double a number, and add one when the shop opens."""
    doubled = await flow.step("double it", double, order.number)
    return await flow.step("wait", until_open, doubled)


async def greets(flow: Flow) -> str:
    return f"hello from {flow.folder.name}"


async def hidden(flow: Flow) -> str:
    return "nobody named this one"
'''
NAMED = ("--flow", "shop:waits", "--flow", "shop:pauses", "--flow", "shop:greets")


def write_shop(root: Path) -> Path:
    """Write the module, and a folder to work in; return the file of how often a number was doubled."""
    (root / "project").mkdir(parents=True)
    (root / "shop.py").write_text(SHOP)
    return root / "doubled"
