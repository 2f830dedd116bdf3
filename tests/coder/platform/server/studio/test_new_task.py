"""Begin a task in the page: prompt, folder, model, team and limits, by keys alone."""

import json

import httpx2
import pytest
from playwright.async_api import expect

from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until, type_into
from tests.coder.platform.server.studio.test_forms import TEST
from tests.faulty_endpoint import faulty_endpoint, says

pytestmark = pytest.mark.asyncio(loop_scope="session")
TABLES = """
[aliases]
quick = "other"
[[teams.pair.members]]
name = "critic"
acts = false
[[teams.pair.members]]
name = "coder"
acts = false
"""


def configure(studio: Server, base_url: str, **values: object) -> None:
    """Write a configuration with an alias and a team."""
    options = {"model": "toy", "base_url": base_url} | values
    file = studio.console.home / ".config" / "coder" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in options.items())
    file.write_text("".join(lines) + TABLES)


@pytest.mark.slow
async def test_a_task_is_begun_by_keys_with_the_model_team_limits_and_folder_that_were_picked(
    studio: Server, window: Window
) -> None:
    page = window.page
    (studio.root / "picked").mkdir()
    (studio.root / "picked" / "test_solution.py").write_text(TEST)
    with faulty_endpoint(says("Use +."), says(code(ADD))) as endpoint:
        configure(studio, endpoint.url)
        await window.open("/new")
        await expect(page.locator("#folders option[value=picked]")).to_have_count(1)
        await type_into(
            page, prompt=TASK, folder="picked", test="python -m pytest -q", team="p", max_calls="5"
        )
        await press_until(page, "timeout")
        await page.keyboard.type("77")
        await page.keyboard.press("Enter")
        await expect(page.locator("#facts .status")).to_have_text("waiting")
        await press_until(page, "answer-yes")
        await page.keyboard.press("Enter")
        await expect(page.locator("#facts .status")).to_have_text("solved")
        run = page.url.rpartition("/")[2]

    with studio.log() as log:
        (first, *_) = await log.read(run, limit=1)
    settings = first.body["settings"]
    assert (settings["budget"]["max_calls"], settings["budget"]["timeout"]) == (5, 77)
    assert [member["name"] for member in settings["team"]["members"]] == ["critic", "coder"]
    assert (studio.root / "picked" / "solution.py").read_text() == ADD


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        pytest.param({"model": "elsewhere/large"}, "doesn't offer the model 'elsewhere/large'", id="model"),
        pytest.param({"team": "../config"}, "no such team", id="team"),
        pytest.param({"limits": {"max_calls": 10_000}}, "above this server's limit of 3", id="calls"),
    ],
)
async def test_what_the_server_does_not_offer_is_refused(
    studio: Server, choice: dict[str, object], reason: str
) -> None:
    configure(studio, "http://127.0.0.1:9", max_calls=3)
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        response = await client.post("/runs", json={"prompt": TASK, **choice})

    assert response.status_code == 422
    assert reason in response.json()["what"]


async def test_a_model_of_the_configuration_is_picked(studio: Server, window: Window) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        configure(studio, endpoint.url, strategy="one-shot")
        await window.open("/new")
        await type_into(window.page, prompt=TASK, model="q")
        await press_until(window.page, "begin")
        await window.page.keyboard.press("Enter")
        await expect(window.page.locator("#facts")).to_contain_text("other")
        await expect(window.page.locator("#facts .status")).to_have_text("unverified")

    assert endpoint.requests[0].body["model"] == "other"
