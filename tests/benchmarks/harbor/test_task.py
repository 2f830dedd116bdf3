"""A Harbor task is read as Harbor reads it."""

import os

import pytest

from benchmarks.harbor.allowed_hosts import NetworkPolicy
from benchmarks.harbor.step import _without_canary
from benchmarks.harbor.task import read_task
from coder.base.errors import UsageError
from tests.benchmarks.harbor.conftest import WriteTask
from tests.linear_work import assert_linear

WHOLE = """
schema_version = "1.4"
artifacts = ["/app/out.txt", {source = "/var/db", destination = "db", exclude = ["*.log"], service = "db"}]
multi_step_reward_strategy = "final"
source = "elsewhere"
[task]
name = "acme/greet"
version = "2"
description = "Greet."
keywords = ["text"]
authors = [{name = "Ann", email = "ann@example.org"}]
[metadata]
difficulty = "easy"
[agent]
timeout_sec = 90
user = "worker"
network_mode = "allowlist"
allowed_hosts = ["PyPI.org.", "*.example.org", "2001:DB8:0::1", "10.0.0.0/8"]
[solution]
env = {KEY = "${KEY:-none}"}
[environment]
docker_image = "debian:12"
build_timeout_sec = 30
os = "Linux"
cpus = 2
memory = "2G"
storage_mb = 512
gpus = 1
gpu_types = ["H100"]
tpu = {type = "v4", topology = "2x4"}
env = {LANG = "C"}
skills_dir = "/skills"
workdir = "/app"
network_mode = "no-network"
mcp_servers = [{name = "a", transport = "stdio", command = "a"}, {name = "b", transport = "http", url = "b"}]
healthcheck = {command = "true", retries = 5}
[verifier]
timeout_sec = 40
user = 0
env = {SEED = "1"}
environment = {docker_image = "judge:1"}
collect = [{command = "dump > /tmp/db", service = "db"}]
"""
STEPS = """
[agent]
timeout_sec = 90
[verifier]
timeout_sec = 40
env = {SEED = "1"}
[[steps]]
name = "one"
min_reward = 0.5
artifacts = ["/one"]
verifier = {env = {SEED = "2"}, environment_mode = "separate"}
[[steps]]
name = "two"
agent = {timeout_sec = 5, network_mode = "no-network"}
"""


def test_each_table_of_the_schema_is_read(write_task: WriteTask) -> None:
    task = read_task(write_task(WHOLE))

    (step,) = task.steps
    assert (task.name, task.warnings, task.reward_strategy) == ("acme/greet", (), "final")
    assert task.table.environment.memory_mb == 2048
    assert task.table.environment.mcp_servers[1].transport == "streamable-http"
    assert [(artifact.source, artifact.service) for artifact in step.artifacts] == [
        ("/app/out.txt", None),
        ("/var/db", "db"),
    ]
    hosts = ("pypi.org", "*.example.org", "2001:db8::1", "10.0.0.0/8")
    assert step.agent.network == NetworkPolicy(mode="allowlist", hosts=hosts)
    assert (step.agent.timeout_s, step.agent.user, step.verifier.user) == (90, "worker", 0)
    assert step.verifier.collect[0].service == "db"


def test_a_verifier_with_an_environment_of_its_own_is_separate_by_default(write_task: WriteTask) -> None:
    (own,) = read_task(write_task("[verifier.environment]\nnetwork_mode = 'no-network'", name="own")).steps
    (none,) = read_task(write_task("", name="none")).steps

    assert (own.verifier.mode, own.verifier.network.mode) == ("separate", "no-network")
    assert own.verifier.build_folder == own.folder / "environment"
    assert (none.verifier.mode, none.verifier.network.mode) == ("shared", "public")


def test_a_verifier_whose_image_holds_the_tests_needs_no_test_script(write_task: WriteTask) -> None:
    toml = "[verifier]\nenvironment_mode = 'separate'"
    files = {"tests/test.sh": None, "tests/Dockerfile": "FROM scratch"}

    (step,) = read_task(write_task(toml, **files)).steps

    assert (step.verifier.test_folders, step.verifier.build_folder) == ((), step.folder / "tests")


def test_a_step_inherits_what_it_does_not_set(write_task: WriteTask) -> None:
    files = {
        "instruction.md": None,
        "steps/one/instruction.md": "First.",
        "steps/one/tests/extra.txt": "",
        "steps/one/workdir/setup.sh": "",
        "steps/two/instruction.md": "Second.",
        "steps/two/solution/solve.sh": "",
    }

    task = read_task(write_task(STEPS, **files))

    one, two = task.steps
    assert task.reward_strategy == "mean"
    assert [step.instruction for step in task.steps] == ["First.", "Second."]
    assert (one.min_rewards, two.min_rewards) == ({"reward": 0.5}, {})
    assert (one.agent.timeout_s, two.agent.timeout_s) == (90, 5)
    assert (one.verifier.mode, two.verifier.mode) == ("separate", "shared")
    assert (one.verifier.env, two.verifier.env) == ({"SEED": "2"}, {"SEED": "1"})
    assert one.verifier.timeout_s == 600  # Harbor gives a step its default, not the task's limit
    assert one.verifier.test_folders == (task.folder / "tests", one.folder / "tests")
    assert (one.solution, two.solution) == (None, two.folder / "solution")
    assert (one.workdir, two.workdir) == (one.folder / "workdir", None)
    assert (one.agent.network.mode, two.agent.network.mode) == ("public", "no-network")


def test_keys_of_harbor_0_26_are_read_and_one_without_an_effect_is_named(write_task: WriteTask) -> None:
    server = "{name = 'a', transport = 'http', url = 'b', headers = {Authorization = 'Bearer ${KEY}'}}"
    folder = write_task(f"[environment]\ncpus = 0.5\nmcp_servers = [{server}]\n")
    (folder / "trajectory.json").write_text("{}")

    task = read_task(folder)

    assert task.table.environment.cpus == 0.5
    assert task.table.environment.mcp_servers[0].headers == {"Authorization": "Bearer ${KEY}"}
    assert task.warnings == ("trajectory.json: the earlier conversation isn't given to a model.",)


@pytest.mark.parametrize("cpus", ["0", "-1", "nan", "inf", "'two'"])
def test_a_number_of_processors_that_is_none_is_refused(write_task: WriteTask, cpus: str) -> None:
    with pytest.raises(UsageError, match="cpus"):
        read_task(write_task(f"[environment]\ncpus = {cpus}\n"))


def test_a_key_that_the_schema_does_not_know_is_a_warning_with_its_place(write_task: WriteTask) -> None:
    toml = "schema_version = '9'\nspeed = 1\n[verifier]\ncollect = [{command = 'true', when = 'now'}]"

    warnings = read_task(write_task(toml)).warnings

    assert [name for name in ("'9'", "speed", "verifier.collect.when") if name in "\n".join(warnings)] == [
        "'9'",
        "speed",
        "verifier.collect.when",
    ]
    assert len(warnings) == 3


def test_older_spellings_have_the_meaning_of_the_new_ones(write_task: WriteTask) -> None:
    task = read_task(write_task("version = '1.0'\n[environment]\nallow_internet = false\nstorage = '512M'"))

    assert task.table.schema_version == "1.0"
    assert task.steps[0].agent.network.mode == "no-network"
    assert task.table.environment.storage_mb == 512


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["<!-- canary -->", "<!-- canary ", "# canary ", "canary -->"])
def test_a_long_first_line_costs_linear_time(piece: str) -> None:
    assert_linear(_without_canary, lambda size: "<!--" + piece * (size // len(piece)), size=200_000)


def test_the_instruction_has_no_canary_at_its_start(write_task: WriteTask) -> None:
    text = "<!-- a CANARY of the data -->\n# canary 1234\n\nDo it.\n# canary stays here\n"

    task = read_task(write_task(**{"instruction.md": text}))

    assert task.steps[0].instruction == "Do it.\n# canary stays here\n"


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("[environment", "isn't TOML"),
        ("[[verifier.collect]]\ncommand = 1", "verifier.collect.0.command"),
        ("[environment]\nnetwork_mode = 'open'", "environment.network_mode"),
        ("[environment]\nallowed_hosts = ['a.org']", "allowlist"),
        ("[agent]\nallowed_hosts = []", "allowlist"),
        ("[agent]\nnetwork_mode = 'allowlist'\nallowed_hosts = ['http://a.org']", "allowed_hosts"),
        ("[verifier]\nenvironment_mode = 'shared'\nenvironment = {}", "contradicts"),
        ("[environment]\nmemory = '1G'\nmemory_mb = 2", "contradicts"),
        ("[task]\nname = 'alone'", "task.name"),
        ("artifacts = ['/app/../etc']", "artifacts.0"),
        ("artifacts = [{source = '/a', destination = '/b'}]", "relative"),
        ("artifacts = [{source = 'a', service = 'db'}]", "absolute"),
        ("[[steps]]\nname = 'a/b'", "steps.0.name"),
        ("[[steps]]\nname = 'A'\n[[steps]]\nname = 'a'", "one name"),
        ("[environment]\nos = 'windows'", "linux"),
        ("[environment]\nmcp_servers = [{name = 'x', transport = 'stdio'}]", "command"),
        ("[agent]\ntimeout_sec = nan", "agent.timeout_sec"),
    ],
)
def test_a_file_that_the_schema_refuses_names_the_place(
    write_task: WriteTask, toml: str, reason: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read_task(write_task(toml))

    assert "task.toml" in str(refused.value)
    assert reason in str(refused.value)


def test_a_folder_whose_name_is_not_utf8_is_refused_by_a_sentence(write_task: WriteTask) -> None:
    folder = write_task("")
    renamed = folder.rename(folder.with_name(os.fsdecode(b"task\xfe")))

    with pytest.raises(UsageError, match="the task's name has a byte that isn't UTF-8"):
        read_task(renamed)
