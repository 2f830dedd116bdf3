"""Layers of configuration, and the repository that may only tighten."""

from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.config.layers import Loaded, load
from coder.people.cli.run_settings import new_settings


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


def loaded(
    user_file: Path,
    repository: Path | None = None,
    *,
    flags: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
) -> Loaded:
    return load(flags or {}, environ=environ or {}, user_file=user_file, workspace=repository)


def asks(repository: Path, wishes: str) -> None:
    (repository / "pyproject.toml").write_text(f"[tool.coder]\n{wishes}\n")


def says(user_file: Path, text: str) -> None:
    user_file.parent.mkdir(exist_ok=True)
    user_file.write_text(text)


def test_without_any_layer_the_defaults_of_settings_hold(user_file: Path) -> None:
    config = loaded(user_file).config

    assert config.settings().budget.max_calls == 8
    assert config.settings().memory == 512


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(user_file: Path) -> None:
    says(user_file, "max_calls = 3\nsamples = 3\nseed = 3\n")

    config = loaded(
        user_file,
        flags={"max_calls": 5, "seed": None},
        environ={"CODER_MAX_CALLS": "4", "CODER_SAMPLES": "4"},
    ).config

    assert [config.value(key) for key in ("max_calls", "samples", "seed")] == [5, 4, 3]


def test_every_key_reaches_the_settings_of_a_run(user_file: Path) -> None:
    says(
        user_file,
        "max_cost = 0.5\ntimeout = 60\nprogram_timeout = 2\ntest_timeout = 20\nmemory = 256\nprocesses = 16\n"
        'plan = true\nsandbox = "bubblewrap"\npython = "/usr/bin/python3"\nrepairs = 1\nmax_tokens = 9\n',
    )

    settings = new_settings(loaded(user_file), {"keep": True, "allow": [".envrc"], "replay": None})

    assert settings.budget.max_cost == Decimal("0.5")
    assert (settings.budget.timeout, settings.budget.repairs, settings.budget.max_tokens) == (60, 1, 9)
    assert (settings.program_timeout, settings.test_timeout) == (2, 20)
    assert (settings.memory, settings.processes) == (256, 16)
    assert (settings.plan, settings.sandbox, settings.python) == (
        True,
        "bubblewrap",
        Path("/usr/bin/python3"),
    )
    assert (settings.keep, settings.allow) == (True, (".envrc",))


def test_a_password_in_the_base_url_stays_out_of_the_settings(user_file: Path) -> None:
    config = loaded(user_file, flags={"base_url": "https://user:hunter2@example.com/v1"}).config

    assert config.options.base_url == "https://user:hunter2@example.com/v1"
    assert config.settings().base_url == "https://example.com/v1"


def test_toml_that_is_broken_is_named_with_its_line(user_file: Path) -> None:
    says(user_file, "max_calls = 3\nsamples = = 2\n")

    with pytest.raises(UsageError, match=r"config\.toml isn't valid TOML: .*line 2"):
        loaded(user_file)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_calls = 0", "max_calls"),
        ('timeout = "soon"', "timeout"),
        ("temperature = 3", "temperature"),
        ("memory = 1", "memory"),
        ("max_cost = -1", "max_cost"),
        ('network = ["10.0.0.1"]', "network"),
        ("network = 3", "network"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_key_and_file(user_file: Path, text: str, named: str) -> None:
    says(user_file, text)

    with pytest.raises(UsageError, match=rf"config\.toml: {named}: "):
        loaded(user_file)


def test_a_flag_out_of_bounds_is_named_as_a_flag(user_file: Path) -> None:
    with pytest.raises(UsageError, match=r"--max-calls: .*not 0"):
        loaded(user_file, flags={"max_calls": 0})


def test_a_variable_out_of_bounds_is_named_as_a_variable(user_file: Path) -> None:
    with pytest.raises(UsageError, match="CODER_SAMPLES"):
        loaded(user_file, environ={"CODER_SAMPLES": "many"})


def test_an_unknown_key_is_ignored_with_a_warning_that_names_the_nearest(user_file: Path) -> None:
    says(user_file, "max_call = 3\n")

    result = loaded(user_file)

    assert "max_calls" not in result.config.names
    assert result.notes == (
        f"{user_file}: unknown key 'max_call' is ignored; did you mean max_calls, max_call_cost, max_cost?",
    )


def test_a_variable_that_is_nearly_ours_is_said_and_others_are_left_alone(user_file: Path) -> None:
    result = loaded(user_file, environ={"CODER_MAX_CALL": "3", "CODER_AGENT_URL": "x", "CODER_HOME": "/h"})

    assert len(result.notes) == 1
    assert "CODER_MAX_CALL" in result.notes[0]


def test_a_repository_may_tighten_what_the_users_own_layers_allow(user_file: Path, repository: Path) -> None:
    asks(repository, 'max_calls = 2\ntimeout = 30\nmemory = 64\nmax_cost = 0.1\nnetwork = "none"')

    result = loaded(user_file, repository)

    assert result.notes == ()
    assert result.config.options.budget.max_calls == 2
    assert result.config.settings().budget.timeout == 30
    assert result.config.settings().memory == 64
    assert not result.cost_was_asked


def test_a_repository_may_take_away_the_hosts_that_the_user_has_named(
    user_file: Path, repository: Path
) -> None:
    says(user_file, 'network = ["example.org"]')
    asks(repository, 'network = "none"')

    assert loaded(user_file).config.settings().network == ("example.org",)
    assert loaded(user_file, repository).config.settings().network == ()


def test_hosts_of_a_variable_are_parted_by_commas_and_a_flag_comes_before_them(user_file: Path) -> None:
    environ = {"CODER_NETWORK": "a.example, b.example:8080"}

    assert loaded(user_file, environ=environ).config.options.network == ("a.example", "b.example:8080")
    assert loaded(user_file, environ=environ, flags={"network": ["none"]}).config.options.network == ()
    assert loaded(user_file, environ=environ, flags={"network": []}).config.options.network != ()


@pytest.mark.parametrize(
    "wish",
    [
        'base_url = "http://evil.example/v1"',
        'model = "openai/gpt"',
        'api_key = "sk-1"',
        'sandbox = "container"',
        'network = "all"',
        'network = ["example.org"]',
        'record = "/tmp/taken"',
        'python = "./python"',
        "max_calls = 9",
        "max_cost = 2",
        "max_tokens_ = 1",
        "timeout = 601",
        "memory = 1024",
        "processes = 1024",
        "test_timeout = 301",
        'max_calls = "all"',
        "seed = 1",
    ],
)
def test_whatever_else_a_repository_asks_for_is_refused_and_said(
    user_file: Path, repository: Path, wish: str
) -> None:
    asks(repository, wish)

    result = loaded(user_file, repository)

    assert result.config == loaded(user_file).config
    assert len(result.notes) == 1
    assert wish.partition(" ")[0] in result.notes[0]
    assert "is ignored" in result.notes[0]


def test_a_repository_can_set_a_limit_where_the_user_has_none(user_file: Path, repository: Path) -> None:
    asks(repository, "max_tokens = 1000")

    assert loaded(user_file, repository).config.options.budget.max_tokens == 1000


def test_a_flag_is_the_users_word_also_over_the_repositorys(user_file: Path, repository: Path) -> None:
    asks(repository, "max_calls = 2")

    assert loaded(user_file, repository, flags={"max_calls": 20}).config.options.budget.max_calls == 20


def test_a_repositorys_wish_is_measured_by_the_users_file_not_by_the_default(
    user_file: Path, repository: Path
) -> None:
    says(user_file, "max_calls = 4\n")
    asks(repository, "max_calls = 6")

    result = loaded(user_file, repository)

    assert result.config.options.budget.max_calls == 4
    assert "6 is above the limit of 4" in result.notes[0]


@pytest.mark.parametrize("content", [b"[tool.coder", b"\xff\xfe", b"[tool]\ncoder = 3\n", b"x" * (2 << 20)])
def test_a_pyproject_that_cannot_be_read_is_said_and_never_ends_a_run(
    user_file: Path, repository: Path, content: bytes
) -> None:
    (repository / "pyproject.toml").write_bytes(content)

    result = loaded(user_file, repository)

    assert len(result.notes) == 1
    assert "is ignored" in result.notes[0]


def test_a_pyproject_that_is_a_fifo_does_not_hang(user_file: Path, repository: Path) -> None:
    import os

    os.mkfifo(repository / "pyproject.toml")

    assert "isn't a regular file" in loaded(user_file, repository).notes[0]


def test_a_file_that_cannot_be_reached_is_not_one_that_is_missing(user_file: Path, repository: Path) -> None:
    (repository / "pyproject.toml").symlink_to("pyproject.toml")

    notes = loaded(user_file, repository).notes

    assert len(notes) == 1
    assert "pyproject.toml can't be read: Too many levels" in notes[0]
    user_file.parent.symlink_to(user_file.parent)
    with pytest.raises(UsageError, match="can't be read: Too many levels"):
        loaded(user_file)


def test_a_file_as_path_reads_the_configuration_beside_it(user_file: Path, repository: Path) -> None:
    asks(repository, "max_calls = 2")
    (repository / "add.py").write_text("")

    assert loaded(user_file, repository / "add.py").config.options.budget.max_calls == 2


def test_a_limit_of_cost_is_known_to_be_the_users(user_file: Path) -> None:
    assert loaded(user_file, flags={"max_cost": 0.5}).cost_was_asked
    assert not loaded(user_file).cost_was_asked
