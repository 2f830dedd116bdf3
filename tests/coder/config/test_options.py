"""The table of options: each is set by its one name in a flag, a file and a variable, within its bounds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from coder.base.errors import UsageError
from coder.config.layers import Loaded, load
from coder.config.schema import flag, variable
from coder.config.task_file import options_of
from coder.people.cli.app import app
from coder.people.cli.run_settings import new_settings
from coder.run.option_table import KEYS, LOWERED, OPTIONS, Choice, Count, File, Number, Words
from coder.run.settings import Budget, Settings
from coder.show.flags import FLAGS, given_flags
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says
from tools.option_table import words_of

FIELDS = Settings.model_fields | Budget.model_fields
OF_A_RUN = {
    "budget", "members", "team", "stop", "notes", "skills", "subagents", "subagent", "rules", "hooks",
    "no_hooks", "caches", "installed", "chat", "ask_tool", "asks", "served", "client", "request",
    "judged_elsewhere", "is_attended", "model_temperature",
}  # fmt: skip
"""Fields that no option sets: a run, a strategy or a command does."""
TEXTS = {
    "base_url": "https://example.com/v1", "sandbox": "bubblewrap", "network": "example.org",
    "approve": "landing", "add_dir": "/srv", "docs": "/srv", "secret": "API_KEY@example.org", "price": "1,2",
}  # fmt: skip
BOUNDED = [(name, -1.0) for name in KEYS if OPTIONS[name].ge is not None or OPTIONS[name].gt is not None]
BOUNDED += [(name, bound + 1) for name in KEYS if (bound := OPTIONS[name].le) is not None]


def text_for(name: str) -> str:
    """A value that isn't the default, as text."""
    if (words := words_of(FIELDS[name].annotation)) or name in TEXTS:
        return TEXTS.get(name) or words[-1]
    by_kind = {Count: "17", Number: "0.5", File: "/usr/bin/python3", Choice: "true", bool: "true"}
    return by_kind.get(OPTIONS[name].kind, "openai/gpt-5")


def params_with(*flags: str) -> typer.Context:
    """A call of `coder solve` with these flags, read and not run."""
    group = get_command(app)
    solve = group.get_command(typer.Context(group), "solve")  # type: ignore[attr-defined]
    context: typer.Context = solve.make_context("solve", ["Add.", *flags])
    return context


def by_flag(name: str, text: str, folder: Path) -> Loaded:
    is_switch = OPTIONS[name].kind in (Choice, bool)
    context = params_with(*([flag(name)] if is_switch else [flag(name), text]))
    return load(given_flags(context), environ={}, user_file=folder / "config.toml")


def by_file(name: str, text: str, folder: Path) -> Loaded:
    kind = OPTIONS[name].kind
    value = text if kind in (Count, Number, Choice) else json.dumps([text] if kind is Words else text)
    (file := folder / "config.toml").write_text(f"{name} = {value}\n")
    return load(environ={}, user_file=file)


def by_variable(name: str, text: str, folder: Path) -> Loaded:
    return load(environ={variable(name): text}, user_file=folder / "config.toml")


LAYERS = {by_flag: flag, by_file: lambda name: f"config.toml: {name}", by_variable: variable}
"""What sets an option, and how its refusal calls the option."""


@pytest.mark.parametrize("name", KEYS)
def test_an_option_is_set_alike_by_its_flag_its_key_and_its_variable(name: str, tmp_path: Path) -> None:
    defaults = load(environ={}, user_file=tmp_path / "config.toml").config

    variables, flags, file = (
        setting(name, text_for(name), tmp_path).config for setting in (by_variable, by_flag, by_file)
    )

    values: list[Any] = [config.value(name) for config in (flags, file, variables)]
    assert values == [values[0]] * 3
    assert values[0] != defaults.value(name)
    assert flags.names == file.names == variables.names == {name}
    settings = flags.settings()
    assert getattr(settings if name in Settings.model_fields else settings.budget, name) == values[0]


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - set(KEYS)))
def test_an_option_of_one_call_is_set_by_its_flag_and_by_nothing_else(name: str, tmp_path: Path) -> None:
    text, kind = text_for(name), OPTIONS[name].kind
    words = {Choice: (f"--no-{name}",), bool: (flag(name),)}.get(kind, (flag(name), text))
    (file := tmp_path / "config.toml").write_text(f"{name} = true\n")

    loaded = load(environ={variable(name): "true"}, user_file=file)
    settings = new_settings(loaded, params_with(*words).params)

    expected = {Choice: False, bool: True, Words: (text,), File: Path(text)}.get(kind, text)
    assert getattr(settings, name) == expected
    assert loaded.config.names == frozenset()
    assert "is ignored" in loaded.notes[0]


@pytest.mark.parametrize("setting", LAYERS, ids=lambda setting: setting.__name__)
@pytest.mark.parametrize(("name", "value"), BOUNDED)
def test_a_value_out_of_bounds_is_refused_with_its_name_and_its_bound(
    name: str, value: float, setting: Any, tmp_path: Path
) -> None:
    row = OPTIONS[name]
    bound = row.le if value > 0 else row.ge if row.ge is not None else row.gt

    with pytest.raises(UsageError) as refused:
        setting(name, f"{value:.0f}", tmp_path)

    assert refused.value.exit_code == 2
    assert f"{LAYERS[setting](name)}: " in str(refused.value)
    assert f" {bound:.0f}, not " in str(refused.value)


@pytest.mark.parametrize("name", LOWERED)
def test_a_repository_lowers_an_option_that_says_so_within_its_bounds(name: str, tmp_path: Path) -> None:
    def wished(value: float) -> Loaded:
        (tmp_path / "pyproject.toml").write_text(f"[tool.coder]\n{name} = {value:g}\n")
        return load(environ={variable(name): "19"}, user_file=tmp_path / "config.toml", workspace=tmp_path)

    lower, higher, wrong = wished(18), wished(20), wished(-1)

    assert (lower.config.value(name), lower.notes) == (18, ())
    assert [loaded.config.value(name) for loaded in (higher, wrong)] == [19, 19]
    assert [len(loaded.notes) for loaded in (higher, wrong)] == [1, 1]


@pytest.mark.parametrize("name", LOWERED)
def test_a_task_file_lowers_limits_below_the_users_and_flags_win(name: str, tmp_path: Path) -> None:
    def asked(value: float, flags: dict[str, object]) -> Loaded:
        (file := tmp_path / "task.yaml").write_text(f"prompt: Add.\noptions: {{{name}: {value:g}}}\n")
        environ, user_file = {variable(name): "19"}, tmp_path / "config.toml"
        return load(flags, environ=environ, user_file=user_file, task=options_of(file))

    lower, higher, flagged = asked(18, {}), asked(20, {}), asked(18, {name: 21})

    assert [loaded.config.value(name) for loaded in (lower, higher, flagged)] == [18, 19, 21]
    (note,) = higher.notes
    refusal = (
        rf"task\.yaml: options: {name} is ignored: 20(\.0)? is above the limit of 19(\.0)?, which a task file"
    )
    assert re.search(refusal, note)


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - set(LOWERED)))
def test_nothing_else_is_set_by_a_task_file(name: str, tmp_path: Path) -> None:
    (file := tmp_path / "task.json").write_text(
        json.dumps({"prompt": "Add.", "options": {name: text_for(name)}})
    )

    loaded = load(environ={}, user_file=tmp_path / "config.toml", task=options_of(file))

    assert loaded.config.names == frozenset()
    assert f"options: {name} is ignored" in loaded.notes[0]


def test_an_option_without_a_value_lowers_nothing(tmp_path: Path) -> None:
    (file := tmp_path / "task.yaml").write_text("prompt: Add.\noptions:\n  max_tokens:\n")

    loaded = load(environ={"CODER_MAX_TOKENS": "9"}, user_file=tmp_path / "no", task=options_of(file))

    assert loaded.config.value("max_tokens") == 9
    assert loaded.notes == (f"{file}: options: max_tokens is ignored: it has no value",)


@pytest.mark.slow
def test_the_options_of_a_task_file_hold_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(
        "prompt: Write add(a, b).\noptions: {max_calls: 1, sandbox: docker}\n"
    )
    with faulty_endpoint(says("```python\ndef add(a, b):\n    return 0\n```")) as endpoint:
        flags = ["--base-url", endpoint.url, "-m", "toy", "--check", "assert add(2, 3) == 5", "--json"]
        done = Console(tmp_path).run("solve", "--file", str(tmp_path / "task.yaml"), *flags)

    run = json.loads(done.out)
    assert (done.code, run["limit"], run["limits"]["max_calls"]) == (3, "calls", 1)
    assert "options: sandbox is ignored: a task file can't set it" in done.err


def test_a_limit_out_of_bounds_ends_the_command_with_exit_code_2(tmp_path: Path) -> None:
    done = Console(tmp_path).run("solve", "Add.", "--max-calls", "0")

    assert done.code == 2
    assert "--max-calls: " in done.err
    assert "equal to 1, not 0" in done.err


def test_each_option_is_a_field_with_its_help_and_each_other_field_is_known() -> None:
    assert FIELDS.keys() == OPTIONS.keys() | OF_A_RUN
    for name, option in OPTIONS.items():
        assert FIELDS[name].description == option.help
        assert FIELDS[name].default == option.default


def test_a_name_and_a_short_flag_stand_for_one_thing() -> None:
    names = [name for flags in FLAGS.values() for name in flags]
    shorts = [flag.short for flags in FLAGS.values() for flag in flags.values() if flag.short]

    assert len(names) == len(set(names))
    assert len(shorts) == len(set(shorts))
    assert set(OPTIONS) <= set(names)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_help_of_an_option_names_each_word_that_it_takes(name: str) -> None:
    option = OPTIONS[name]

    for word in words_of(FIELDS[name].annotation):
        assert word in f"{option.help} {option.metavar}"
