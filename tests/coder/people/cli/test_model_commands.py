"""`coder models` as a person and a program use it."""

import json
from pathlib import Path

import pytest

from tests.coder.models.test_catalog import document, provider
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import error, faulty_endpoint, says


@pytest.fixture
def loaded(console: Console, tmp_path: Path) -> Console:
    """A console whose user has loaded a catalogue."""
    source = tmp_path / "source.json"
    source.write_bytes(document(acme=provider()))
    done = console.run("models", "update", "--from", str(source))
    assert done.code == 0, done.err
    return console


def test_models_are_listed_and_filtered(loaded: Console) -> None:
    listing = loaded.run("models", "big", "--min-context", "100000", "--tools", "--reasoning", "--json")
    dear = loaded.run("models", "big", "--max-price", "0.2")
    seeing = loaded.run("models", "acme/", "--images", "--json")

    (row,) = json.loads(listing.out)
    assert (row["model"], row["context"], row["output_usd"], row["key_is_set"]) == (
        "acme/big",
        200000,
        0.3,
        False,
    )
    assert (dear.code, dear.out) == (1, "")
    assert [one["model"] for one in json.loads(seeing.out)] == ["acme/big"]


def test_the_highest_price_that_is_named_is_still_listed(loaded: Console) -> None:
    dearest = loaded.run("models", "big", "--max-price", "0.3")

    assert dearest.code == 0, dearest.err


def test_a_model_whose_key_is_set_comes_first(loaded: Console) -> None:
    every = loaded.run("models", ACME_API_KEY="planted-0123456789")

    assert every.out.startswith("✓  acme/big")
    assert "planted" not in every.out + every.err


def test_without_a_catalogue_the_known_ones_are_listed_and_the_next_step_is_said(console: Console) -> None:
    done = console.run("models", "anthropic/")

    assert done.out.split()[0] == "anthropic/claude-sonnet-4-6"
    assert "coder models update" in done.err


def test_a_price_and_an_alias_of_the_users_file_count(loaded: Console) -> None:
    folder = loaded.home / ".config" / "coder"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        '[prices]\n"acme/big" = {input = 7, output = 9}\n[aliases]\nb = "acme/big"\n'
    )

    listed = json.loads(loaded.run("models", "big", "--json").out)
    solved = loaded.run("solve", "Write f", "-m", "b")

    assert listed[0]["input_usd"] == 7
    assert solved.code == 4
    assert "Set ACME_API_KEY" in solved.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aliases = 5", "aliases"),
        ('[prices]\n"a/b" = {input = -1, output = 2}', "prices.a/b.input"),
        ("[limits]\ngroq = {concurrency = 0}", "limits.groq.concurrency"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_with_its_place(console: Console, text: str, words: str) -> None:
    folder = console.home / ".config" / "coder"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text)

    done = console.run("models")

    assert done.code == 2
    assert words in done.err


def test_a_repository_can_give_no_alias(loaded: Console, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.coder.aliases]\nlocal = "acme/big"\n')

    done = loaded.run("solve", "Write f", str(folder), "-m", "nobody/x")

    assert "aliases is ignored: a repository can't set it" in done.err


@pytest.mark.slow
def test_a_fallback_in_the_middle_of_a_run_is_shown_and_costs_are_listed(console: Console) -> None:
    plan, code = says("1. Add."), says("```python\ndef add(a, b):\n    return a + b\n```\n")

    with faulty_endpoint(plan, error(503, "down")) as first, faulty_endpoint(code) as second:
        done = console.run(
            *("solve", "Write add(a, b).", "--check", "assert add(2, 3) == 5", "--plan"),
            *("--strategy", "repair"),
            *("--base-url", first.url, "-m", "toy", "--fallback", f"toy@{second.url}"),
        )
        show = console.run("show", "run_", "--cost")
        details = console.run("show", "run_")

    switched = f"127.0.0.1:{second.port}/toy is asked instead"
    assert done.code == 0, done.err
    assert switched in done.err
    assert switched in details.out
    assert "1 retry  1 switch" in show.out
    assert show.out.splitlines()[-1].startswith("2 calls  14 tokens in")


@pytest.mark.slow
def test_the_doctor_knows_the_users_aliases_and_prices(console: Console) -> None:
    folder = console.home / ".config" / "coder"
    folder.mkdir(parents=True)
    text = 'model = "own"\nmax_cost = 1\n[aliases]\nown = "toy@http://10.0.0.5:8000/v1"\n'
    price = '[prices]\n"10.0.0.5:8000/toy" = {input = 1, output = 2}\n'

    (folder / "config.toml").write_text(text)
    unpriced = console.run("doctor")
    (folder / "config.toml").write_text(text + price)
    priced = console.run("doctor")

    assert "the price of 10.0.0.5:8000/toy is unknown" in unpriced.out
    assert "10.0.0.5:8000/toy answers as your configuration says" in priced.out


def test_names_of_a_catalogue_move_no_cursor_and_an_address_in_it_that_is_none_is_passed_over(
    console: Console, tmp_path: Path
) -> None:
    source = tmp_path / "source.json"
    model = {"cost": {"input": 1, "output": 1}, "limit": {"context": 1000}}
    rows = {
        "acme": provider(models={"\x1b]0;title\x07big\nacme/second": model}),
        "bad": provider(api="https://[x"),
    }
    source.write_bytes(document(**rows))
    console.run("models", "update", "--from", str(source))

    done = console.run("models", "big")

    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    assert done.out.count("\n") == 1


def test_a_key_in_a_place_that_takes_none_is_not_repeated(console: Console) -> None:
    folder = console.home / ".config" / "coder"
    folder.mkdir(parents=True)
    for line in (
        'base_url = ["https://me:planted-word@host/v1"]',
        '[aliases]\nx = ["sk-planted0123456789abc"]',
    ):
        (folder / "config.toml").write_text(line)

        done = console.run("models")

        assert done.code == 2
        assert "planted" not in done.err
