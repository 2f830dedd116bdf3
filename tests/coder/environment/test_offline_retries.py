"""Package managers don't repeat requests in a sandbox without a network."""

from coder.environment.offline_retries import without_retries
from coder.run.stored_file import StoredFile
from sandbox import Policy


def files(**texts: str) -> dict[str, StoredFile]:
    names = {name.replace("__", "."): text for name, text in texts.items()}
    return {path: StoredFile.of(text.encode()) for path, text in names.items()}


def test_the_package_managers_of_a_project_try_once() -> None:
    assert without_retries(Policy(), files(package__json="{}")) == {"npm_config_fetch_retries": "0"}
    assert without_retries(Policy(), files(tox__ini="")) == {"PIP_RETRIES": "0"}
    assert without_retries(Policy(), files(Cargo__toml="")) == {"CARGO_NET_RETRY": "0"}
    assert without_retries(Policy(), files(a__py="")) == {}


def test_nothing_is_set_where_the_network_may_be_reached_or_the_setting_is_the_users() -> None:
    project = files(package__json="{}")
    own = {**project, ".npmrc": StoredFile.of(b"fetch-retries = 4\n")}
    set_by_command = Policy(environment={"npm_config_fetch_retries": "3"})

    assert without_retries(Policy(network=("example.org",)), project) == {}
    assert without_retries(Policy(), own) == {}
    assert without_retries(set_by_command, project) == {}
