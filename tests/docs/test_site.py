"""The pages as a site: `mkdocs build`, with every link and anchor checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coder.run.option_table import KEYS

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs/decisions"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    _build(ROOT / "mkdocs.yml", folder)
    return folder


def _build(config: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = (
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        str(config),
        "-d",
        str(folder),
    )
    environ = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    if config.parent == ROOT:
        assert built.returncode == 0, built.stderr
    return built


@pytest.mark.slow
def test_every_page_is_on_the_site_and_in_its_navigation(site: Path) -> None:
    start = (site / "index.html").read_text()
    decisions = (site / "decisions/index.html").read_text()
    for page in ROOT.glob("docs/**/*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        address = re.sub(r"(^|/)(index|README)$", r"\1", name)
        assert (site / address / "index.html").is_file(), name
        if re.match(r"decisions/\d", name):
            assert f'href="{address.removeprefix("decisions/")}/"' in decisions, name
        else:
            assert f'href="{address.removesuffix("/") or "."}' in start, name


@pytest.mark.slow
def test_the_site_lists_the_options_of_this_version(site: Path) -> None:
    page = (site / "reference/command-line/index.html").read_text()

    assert [name for name in KEYS if f"<li><code>{name}</code> " not in page.replace("<p>", "")] == []


@pytest.mark.slow
def test_a_page_of_the_site_loads_nothing_from_another_host(site: Path) -> None:
    for page in site.glob("**/*.html"):
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"([^\"]+)", page.read_text())
        assert [address for address in loaded if address.startswith(("http", "//"))] == [], page


@pytest.mark.slow
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Start\n\n[gone](gone.md) [part](#gone)\n")
    config = (ROOT / "mkdocs.yml").read_text().replace("[tools/", f"[{ROOT}/tools/")
    (tmp_path / "mkdocs.yml").write_text(config)

    built = _build(tmp_path / "mkdocs.yml", tmp_path / "site")

    assert built.returncode != 0
    assert "gone.md" in built.stderr
    assert "#gone" in built.stderr


def test_the_list_of_decisions_has_each_with_its_title() -> None:
    rows = dict(
        re.findall(r"^\| \[\d{4}\]\((.*?)\) \| (.*) \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    )
    pages = {page.name: page.read_text().partition("\n")[0] for page in DECISIONS.glob("0*.md")}

    assert {name: f"# {name[:4]}: {title}" for name, title in rows.items()} == pages
