"""Flows in the page, by keys alone: begun by a form made of the input's schema, followed, begun again."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import expect
from pydantic import BaseModel, Field, TypeAdapter

from coder.base.errors import UsageError
from coder.platform.server.studio.schema_form import fields_of, value_of
from tests.coder.people.cli.console import Console
from tests.coder.platform.served_flow import NAMED, write_shop
from tests.coder.platform.server.served import Server, started
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until, type_into

asynchronous = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that offers the flows of a module."""
    home = tmp_path_factory.mktemp("home")
    write_shop(home / "root")
    with started(home, *NAMED, root=home / "root") as running:
        yield running


@asynchronous
@pytest.mark.slow
async def test_a_flow_is_begun_by_its_form_asks_and_is_begun_again_with_its_input(
    studio: Server, window: Window
) -> None:
    page = window.page
    await window.open("/studio/flows")
    await press_until(page, "waits")
    await page.keyboard.press("Enter")
    await expect(page.locator("#steps li")).to_have_text(["step double it", "ask Go on with it?"])
    await type_into(page, **{"input/number": "4"})
    await press_until(page, "begin")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ask")).to_contain_text("Go on with it?")
    await expect(page.locator("#log")).to_contain_text("flow step 1  double it")
    await press_until(page, "answer-yes")
    await page.keyboard.press("Enter")
    await expect(page.locator("#facts .status")).to_have_text("finished")
    await press_until(page, "trace")
    await page.keyboard.press("Enter")
    await expect(page.locator("#trace")).to_contain_text("step 1  double it")
    await page.go_back()
    await press_until(page, "again")
    await page.keyboard.press("Enter")

    await expect(page.locator("[id='input/number']")).to_have_value("4")


@asynchronous
async def test_an_input_that_does_not_fit_is_refused_beside_the_button(
    studio: Server, window: Window
) -> None:
    await window.open("/studio/flows?name=waits")
    await expect(window.page.locator("[id='input/number-help']")).to_have_text("at least 0")
    await type_into(window.page, **{"input/number": "-1"})
    await press_until(window.page, "begin")
    await window.page.keyboard.press("Enter")

    await expect(window.page.get_by_role("alert")).to_contain_text("greater than or equal to 0")
    window.said.clear()  # the browser's own line about the answer


@pytest.mark.slow
@asynchronous
async def test_only_flows_that_were_named_are_shown_and_begun(studio: Server) -> None:
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        page = (await client.get("/studio/flows")).text
        opened = await client.get("/studio/flows?name=hidden")
        begun = await client.post("/studio/flows/hidden", json={})

    assert "greets" in page
    assert "hidden" not in page
    assert (opened.status_code, begun.status_code) == (404, 404)


@pytest.mark.slow
@asynchronous
async def test_a_token_that_may_only_read_sees_no_form_and_begins_none(
    studio: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("tokens")
    write_shop(root := home / "root")
    file, folder = str(home / "tokens.json"), str(root / "project")
    words = ("--new-token", "ana", "--scopes", "read", "--token-file", file, "--root", folder)
    token = Console(home).run("serve", *words).out.strip()
    headers = {"Authorization": f"Bearer {token}"}
    with started(home, *NAMED, "--token-file", file, root=root) as server:
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            page = (await client.get("/studio/flows?name=waits")).text
            begun = await client.post("/studio/flows/waits", json={"input/number": "1"})

    assert "double it" in page
    assert "<form" not in page
    assert begun.status_code == 403


@asynchronous
@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_the_form_has_no_serious_fault_and_is_not_cut_off(
    studio: Server, window: Window, scheme: Literal["light", "dark"], width: int
) -> None:
    await window.page.emulate_media(color_scheme=scheme)
    await window.page.set_viewport_size({"width": width, "height": 900})
    for path in ("/studio/flows", "/studio/flows?name=waits"):
        await window.open(path)
        violations = (await Axe().run(window.page)).response["violations"]
        assert [one["id"] for one in violations if one["impact"] in ("serious", "critical")] == []
        assert await window.page.evaluate("document.documentElement.scrollWidth") <= width


class Part(BaseModel):
    """An object in the input."""

    name: str = Field(min_length=1)
    count: int = 3


class Order(BaseModel):
    """An input with a field of each kind."""

    title: str
    note: str = "usual"
    count: int
    price: float | None = None
    is_gift: bool
    is_fast: bool = True
    is_sure: bool | None = None
    size: Literal["small", "large", 3]
    tags: list[str]
    part: Part
    prices: dict[str, float] = {}
    parts: list[Part] = []


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)
ORDERS = st.builds(
    Order,
    title=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
    note=PLAIN,
    price=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    size=st.sampled_from(["small", "large", 3]),
    tags=st.lists(PLAIN),
    part=st.builds(Part, name=PLAIN),
    prices=st.dictionaries(PLAIN, st.floats(allow_nan=False, allow_infinity=False)),
    parts=st.lists(st.builds(Part, name=PLAIN), max_size=2),
)


@pytest.mark.slow
@given(ORDERS)
def test_any_input_is_read_again_from_the_form_that_shows_it(order: Order) -> None:
    schema = Order.model_json_schema()
    texts = {field.path: field.text for field in fields_of(schema, order.model_dump(mode="json"))}

    assert Order.model_validate_json(TypeAdapter(object).dump_json(value_of(schema, texts))) == order


PATHS = [field.path for field in fields_of(Order.model_json_schema())]


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(PATHS), st.text()))
def test_any_texts_of_a_form_are_an_object_or_refused_as_no_json(texts: dict[str, str]) -> None:
    with suppress(UsageError):
        assert isinstance(value_of(Order.model_json_schema(), texts), dict)


def test_what_no_field_can_show_is_a_field_for_json() -> None:
    kinds = {field.path: field.kind for field in fields_of(Order.model_json_schema())}

    assert kinds == {
        "input/title": "text", "input/note": "text", "input/count": "number", "input/price": "number",
        "input/is_gift": "checkbox", "input/is_fast": "checkbox", "input/is_sure": "choice",
        "input/size": "choice", "input/tags": "lines", "input/part/name": "text",
        "input/part/count": "number", "input/prices": "json", "input/parts": "json",
    }  # fmt: skip


def test_an_input_that_is_no_object_is_one_field() -> None:
    (field,) = fields_of({"type": "integer"})

    assert (field.path, field.kind, value_of({"type": "integer"}, {"input": "7"})) == ("input", "number", 7)
