"""Teams are built and edited in the page by keys alone, and saved as the TOML that `--team` reads."""

import tomllib

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import expect

from coder.platform.server.studio.team_pages import TeamFields
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until, type_into

asynchronous = pytest.mark.asyncio(loop_scope="session")


@asynchronous
async def test_a_team_is_built_saved_as_toml_offered_to_tasks_and_edited(
    studio: Server, window: Window
) -> None:
    page, file = window.page, studio.console.home / ".config" / "coder" / "teams" / "pair.toml"
    await window.open("/teams")
    await type_into(page, name="pair", stop="turns(6)", **{"name-0": "critic", "brief-0": 'Say "why".'})
    await type_into(page, **{"name-1": "coder"})
    await press_until(page, "save")
    await page.keyboard.press("Enter")
    await expect(page.locator("#toml")).to_be_visible()
    members = [{"name": "critic", "brief": 'Say "why".'}, {"name": "coder"}]
    assert tomllib.loads(file.read_text()) == {"kind": "round-robin", "stop": "turns(6)", "members": members}
    await press_until(page, "toml")
    await page.keyboard.press("Control+End")
    await page.keyboard.type('[[members]]\nname = "tester"')
    await press_until(page, "save-toml")
    await page.keyboard.press("Enter")
    await expect(page.locator("#name-2")).to_have_value("tester")
    await window.open("/new")

    await expect(page.locator("#team option")).to_contain_text(["none", "pair"])


@asynchronous
async def test_what_is_no_team_is_not_saved_and_the_reason_is_beside_the_button(
    studio: Server, window: Window
) -> None:
    await window.open("/teams")
    await type_into(window.page, name="broken", stop="turn(3)", **{"name-0": "critic"})
    await press_until(window.page, "save")
    await window.page.keyboard.press("Enter")

    await expect(window.page.get_by_role("alert").first).to_contain_text("is no condition")
    await type_into(window.page, **{"name-1": "coder", "brief-1": "Write it."})
    await press_until(window.page, "stop")
    await window.page.keyboard.press("Control+A")
    await window.page.keyboard.type("turns(3)")
    await press_until(window.page, "save")
    await window.page.keyboard.press("Enter")
    reason = "whose role is fixed: give the member another name. Correct it, and send it again."
    await expect(window.page.get_by_role("alert").first).to_contain_text(reason)
    assert not (studio.console.home / ".config" / "coder" / "teams" / "broken.toml").exists()
    window.said.clear()  # the browser's own line about the answer


TEAM = '[[members]]\nname = "a"\n'
NAMES = {"up": "../config", "folder": "a/b", "empty": "", "long": "x" * 65}
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@asynchronous
async def test_no_file_elsewhere_is_written(studio: Server, name: str) -> None:
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        response = await client.post(
            "/studio/teams/toml", json={"name": name, "toml": '[[members]]\nname="a"'}
        )

    assert response.status_code == 422


@pytest.mark.parametrize(
    "toml",
    [
        pytest.param("a = " + "[" * 60_000, id="lists"),
        pytest.param("[" + "a." * 30_000 + "a]", id="tables"),
        pytest.param("members = 3", id="members"),
        pytest.param("[[members", id="open"),
    ],
)
@asynchronous
async def test_toml_that_is_no_team_is_refused_however_deep_it_is(studio: Server, toml: str) -> None:
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        response = await client.post("/studio/teams/toml", json={"name": "deep", "toml": toml})

    assert response.status_code == 422


@given(
    st.text(st.characters(blacklist_categories=["Cs"])), st.text(st.characters(blacklist_categories=["Cs"]))
)
def test_any_role_is_read_again_from_the_toml(brief: str, name: str) -> None:
    fields = TeamFields.model_validate({"name": "any", "name-0": f"a{name}", "brief-0": brief})

    (member,) = tomllib.loads(fields.toml())["members"]

    assert member == {"name": f"a{name}".strip()} | ({"brief": brief.strip()} if brief.strip() else {})
