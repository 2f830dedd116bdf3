"""Reports of benchmarks in the browser, and what a page that only looks like one can't do."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from benchmarks.reports.page import page
from tests.benchmarks.reports.reports_made import report_of
from tests.coder.platform.server.served import Server, started
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until

pytestmark = pytest.mark.asyncio(loop_scope="session")
EVIL = """<p id=done></p><img src="//HOST/i.png"><link rel=stylesheet href="//HOST/a.css"><script>
const tried = async (act) => { try { return String(await act()) || "no"; } catch { return "no"; } };
Promise.all([
  tried(() => fetch("/runs").then((one) => one.text())),
  tried(() => parent.document.title),
  tried(() => document.cookie),
  tried(() => { top.location = "//HOST/top"; return "moved"; }),
]).then((all) => {
  document.querySelector("#done").textContent = all.join(" ");
  location = "//HOST/frame";
});
</script>"""
"""It tries to read what isn't its own, and to tell another host."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that shows reports of a folder."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "reports"
    (folder / "today").mkdir(parents=True)
    (folder / "today" / "small.html").write_text(page([report_of({"a/1": "p", "a/2": "f"})]))
    for number, letters in enumerate(("pf", "pp"), 1):
        cases = {f"a/{case}": letter for case, letter in enumerate(letters)}
        report = report_of(cases, model=f"model-{number}", cost=0.01 * number)
        (folder / f"{number}.json").write_text(report.model_dump_json())
    (folder / "no-report.json").write_text("{}")
    (home / "secret.html").write_text("secret")
    (folder / os.fsdecode(b"\xff.html")).write_text("")
    (folder / "link.html").symlink_to(home / "secret.html")
    with started(home, "--reports", str(folder)) as running:
        yield running


async def test_a_report_is_listed_and_works_in_its_frame(window: Window) -> None:
    await window.open("/reports")
    await window.page.get_by_role("link", name="today/small.html").click()
    report = window.page.frame_locator("iframe")
    await report.get_by_role("button", name="a/2").click()

    await expect(report.get_by_role("heading", name="small 1")).to_be_visible()
    assert await window.page.get_by_role("link", name="link.html").count() == 0


async def test_reports_of_several_models_are_compared_side_by_side_by_keys(window: Window) -> None:
    page = window.page
    await window.open("/reports")
    await press_until(page, "compare")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Compare reports")
    await expect(page.locator(".trend circle")).to_have_count(2)
    for name in ("1.json", "2.json"):
        while await page.evaluate("document.activeElement.value") != name:
            await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
    await press_until(page, "compare")
    await page.keyboard.press("Enter")
    comparison = page.frame_locator("iframe")

    await expect(comparison.locator("body")).to_contain_text("model-1")
    await expect(comparison.locator("body")).to_contain_text("+50.0 points")
    await expect(comparison.locator("body")).to_contain_text("Cost against score")
    await expect(page.get_by_text("no-report.json")).to_have_count(0)


async def test_a_page_that_is_no_report_reads_nothing_of_ours_and_reaches_no_host(
    studio: Server, window: Window
) -> None:
    chunks: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks.append(await reader.read(65536))
        writer.close()

    listener = await asyncio.start_server(hear, "127.0.0.1")
    host = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    (studio.console.home / "reports" / "evil.html").write_text(EVIL.replace("HOST", host))

    await window.open("/reports?name=evil.html")
    await expect(window.page.locator("iframe")).to_be_visible()
    await window.page.wait_for_load_state("networkidle")

    assert window.page.url == f"{window.url}/reports?name=evil.html"
    assert any("frame" in message for message in window.said), window.said  # the last try was refused, too
    await window.page.close()
    assert b"".join(chunks) == b""  # Chromium may connect ahead, and say nothing
    listener.close()
    window.said.clear()


@pytest.mark.parametrize("name", ["link.html", "../secret.html", "/etc/hostname", "no.html"])
async def test_only_files_below_the_folder_are_reports(window: Window, name: str) -> None:
    response = await window.page.goto(f"{window.url}/reports/page?name={name}")

    assert response is not None
    assert response.status == 404
    window.said.clear()  # the browser's own line about that
