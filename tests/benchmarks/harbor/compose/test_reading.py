"""A task's Compose file is read without variables of this process, and checked key by key."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchmarks.harbor.compose import plugin
from benchmarks.harbor.compose.checking import check_compose
from benchmarks.harbor.compose.model import ComposeFile, Service
from benchmarks.harbor.compose.options import Wiring, host_options
from benchmarks.harbor.compose.reading import read_compose
from benchmarks.harbor.compose.values import seconds_of
from coder.base.errors import UsageError
from sandbox.errors import BackendMissing
from tests.benchmarks.harbor.compose.hostile_files import HOSTILE
from tests.benchmarks.harbor.compose.services_made import HAS_PLUGIN

KNOWN = {"image": "x", "networks": {"default": None}}
KEYS = st.sampled_from(
    (
        "privileged",
        "pid",
        "ipc",
        "devices",
        "ports",
        "security_opt",
        "x",
        "secrets",
        "volumes_from",
        "runtime",
    )
)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=8) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def write(folder: Path, text: str) -> Path:
    """Write an environment's folder with links that lead out of it, and return it."""
    environment = folder / "environment"
    (environment / "inner").mkdir(parents=True)
    (folder / "tests").mkdir()
    (environment / "Dockerfile").write_text("FROM scratch\n")
    (environment / "seed").write_text("")
    (environment / "out").symlink_to("/etc/passwd")
    (environment / "inner/link").symlink_to("/etc/passwd")
    (environment / "docker-compose.yaml").write_text(text)
    return environment


async def read(folder: Path, text: str, **variables: str) -> ComposeFile:
    return await read_compose(write(folder, text), folder, variables)


@pytest.mark.slow
@given(key=KEYS, value=VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_a_key_that_is_not_on_the_list_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    folder = tmp_path_factory.getbasetemp()
    resolved = {"services": {"main": KNOWN, "db": {**KNOWN, key: value}}, "networks": {"default": {}}}
    assume((key, value) != ("privileged", False))

    with pytest.raises(UsageError, match=re.escape(f"services.db.{key}")):
        check_compose(resolved, folder / "docker-compose.yaml", folder)


@given(hours=st.integers(0, 20), minutes=st.integers(0, 59), seconds=st.integers(0, 59))
def test_durations_are_those_of_go(hours: int, minutes: int, seconds: int) -> None:
    assert seconds_of(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
    assert seconds_of(f"{seconds}.5s{minutes}ms") == pytest.approx(seconds + 0.5 + minutes / 1000)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1d", "1s1"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_of(text)


async def test_without_the_plugin_a_task_of_several_services_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(BackendMissing, match="docker-compose-plugin") as refusal:
        await read(tmp_path, "services: {main: {}}")

    assert refusal.value.fix == "apt-get install docker-compose-plugin"


@pytest.mark.parametrize(
    "memory",
    [
        {"tmpfs": ("/x",)},
        {"tmpfs": ("/x:mode=1777",)},
        {"volumes": ({"type": "tmpfs", "target": "/x"},)},
        {"volumes": ({"type": "tmpfs", "target": "/x", "tmpfs": {"size": 0}},)},
    ],
    ids=["short", "options", "mount", "mount without a size"],
)
def test_files_in_memory_are_limited_where_the_file_sets_no_size(memory: dict[str, object]) -> None:
    service = Service.model_validate({"image": "x", **memory})

    options = host_options(service, Wiring(networks={}, volumes={}, is_closed=False))

    assert f"size={1 << 30}" in options["tmpfs"]["/x"].split(",")


def test_a_client_of_docker_that_never_answers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(plugin, "_PLUGIN_S", 0.1)

    with pytest.raises(BackendMissing, match="didn't answer"):
        plugin.find_plugin()


if HAS_PLUGIN:

    @pytest.mark.foreign
    @pytest.mark.parametrize("name", sorted(HOSTILE))
    async def test_what_services_may_not_have_is_refused_by_its_place(tmp_path: Path, name: str) -> None:
        text, place = HOSTILE[name]

        with pytest.raises(UsageError) as refusal:
            await read(tmp_path, text)

        assert place in str(refusal.value)
        assert "Traceback" not in str(refusal.value)

    @pytest.mark.foreign
    async def test_a_file_gets_the_tasks_variables_and_none_of_this_process(tmp_path: Path) -> None:
        os.environ["CODER_TEST_SECRET"] = "of the user"
        text = json.dumps(
            {
                "services": {
                    "main": {
                        "environment": {
                            "OWN": "${OWN}", "PRICE": "$$5", "SECRET": "${CODER_TEST_SECRET:-none}",
                            "HOME_": "${HOME-}", "PATH_": "${PATH:-none}", "CODER_TEST_SECRET": None,
                        },
                        "volumes": ["${HOST_VERIFIER_LOGS_PATH}:${ENV_VERIFIER_LOGS_PATH}"],
                    }
                }
            }
        )  # fmt: skip

        compose = await read(tmp_path, text, OWN='it\'s "own" \\ $HOME\n2')

        main = compose.services["main"]
        assert main.environment == {
            "OWN": "it's \"own\" \\ $HOME\n2", "PRICE": "$5", "SECRET": "none",
            "HOME_": main.environment["HOME_"], "PATH_": "none", "CODER_TEST_SECRET": None,
        }  # fmt: skip
        assert main.environment["HOME_"] != os.environ["HOME"]
        assert main.volumes == ()

    @pytest.mark.foreign
    @given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20))
    @settings(max_examples=15, deadline=None)
    async def test_any_value_of_a_variable_arrives_as_it_is(
        tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        folder = tmp_path_factory.mktemp("task")

        compose = await read(folder, "services: {main: {environment: {OWN: '${OWN-}'}}}", OWN=text)

        assert compose.services["main"].environment["OWN"] == text
