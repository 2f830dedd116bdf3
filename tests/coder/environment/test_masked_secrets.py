"""`--secret NAME@HOST` in a run: programs call the host with a placeholder, and nothing shows the value."""

import json
import os
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.config.plugs import with_rules
from coder.environment.masked_secrets import masking, parse_secret
from coder.run.extensions import Rules
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.docker.open_docker import open_docker
from tests.coder.engine.participants.test_acting import DONE, bash
from tests.docker_engine import IMAGE
from tests.kept_sandboxes import solve
from tests.memory_log import MemoryLog
from tests.sandbox.network.test_masking import HOST, tls_server

VALUE = "token-of-the-user-42"
CALL = f"""python3 - <<'END'
import os, urllib.request
headers = {{"Authorization": "Bearer " + os.environ["SHOP_LOGIN"]}}
print(os.environ["SHOP_LOGIN"])
print(urllib.request.urlopen(urllib.request.Request("https://{HOST}/", headers=headers)).read().decode())
END
"""


@pytest.mark.slow
async def test_a_program_calls_the_host_and_neither_it_nor_the_model_nor_the_log_has_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coder.models.scripted import Scripted

    (tmp_path / "work").mkdir()
    (tmp_path / "work/a.py").write_text("A = 1\n")
    monkeypatch.setenv("SHOP_LOGIN", VALUE)
    model = Scripted([bash(CALL), bash("env; cat /proc/self/environ"), bash("echo A = 2 > a.py"), DONE])
    log = MemoryLog()
    async with tls_server(HOST) as (outside, requests, authority):
        (tmp_path / "upstream.pem").write_text(authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "upstream.pem"))
        run = await solve(
            Task(
                prompt="Set A to 2.", workspace=tmp_path / "work", checks=("from a import A; assert A == 2",)
            ),
            model=model,
            settings=Settings(strategy="act", secret=(f"SHOP_LOGIN@{HOST}",)),
            sandbox=lambda policy: open_bubblewrap(policy, outside=outside),
            log=log,
        )

    texts = [message.content for request in model.requests for message in request.messages]
    events = [event.model_dump_json() for event in await log.read(run.run_id)]
    assert any(f"Bearer {VALUE}".encode() in head for head in requests), texts[-3:]
    assert any("masked-shop_login-" in text for text in texts)
    assert any(f"Variables with a placeholder of a secret: `SHOP_LOGIN` for {HOST}" in text for text in texts)
    assert not any(VALUE in text for text in (*texts, *events, run.model_dump_json()))


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_a_program_in_dockers_container_calls_the_host_with_a_placeholder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = PythonCode(source=CALL.partition("\n")[2].rpartition("END")[0])
    async with tls_server(HOST) as (outside, requests, authority):
        (tmp_path / "upstream.pem").write_text(authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "upstream.pem"))
        entries = (f"SHOP_LOGIN@{HOST}",)
        with masking(Policy(image=IMAGE), entries, {"SHOP_LOGIN": VALUE}) as (policy, _):
            async with open_docker(policy, outside=outside) as sandbox:
                result = await sandbox.run(code)

    assert any(f"Bearer {VALUE}".encode() in head for head in requests), result.stderr
    assert "masked-shop_login-" in result.stdout
    assert VALUE not in result.stdout + result.stderr


def test_the_policy_of_programs_has_placeholders_and_the_certificate_of_its_run(tmp_path: Path) -> None:
    with masking(Policy(network=("pypi.org",)), ("KEY@api.example.org",), {"KEY": VALUE}) as (policy, values):
        bundle = policy.beside["certificates"] / "bundle.pem"
        text = bundle.read_text()

    assert values == (VALUE,)
    assert policy.network == ("pypi.org", "api.example.org:443")
    assert policy.environment["KEY"].startswith("masked-key-")
    assert policy.environment["SSL_CERT_FILE"] == "/opt/shown/certificates/bundle.pem"
    assert policy.masks.authority in text
    assert VALUE not in repr(policy) + policy.model_dump_json() + text
    assert not bundle.exists()


@pytest.mark.parametrize(
    ("entry", "environ", "problem"),
    [
        ("KEY@api.example.org", {}, "the variable KEY isn't set"),
        ("KEY@api.example.org", {"KEY": "short"}, "the value of KEY can't be masked"),
        ("KEY=value", {}, "write NAME@HOST"),
        ("KEY@*.example.org", {"KEY": VALUE}, "is no name of a host"),
    ],
    ids=["unset", "short", "value", "pattern"],
)
def test_a_secret_that_can_not_be_used_is_refused(entry: str, environ: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem), masking(Policy(), (entry,), environ):
        pass


def test_a_secret_of_a_host_that_the_rules_deny_is_left_out() -> None:
    settings = Settings(secret=("KEY@api.example.org", "KEY@other.example.org:8443"))
    rules = Rules(deny=("WebFetch(domain:api.example.org)",))

    assert with_rules(settings, rules).secret == ("KEY@other.example.org:8443",)
    assert parse_secret("KEY@other.example.org:8443") == ("KEY", "other.example.org", 8443)
    assert json.loads(settings.model_dump_json())["secret"] == [*settings.secret]
    assert "KEY" not in os.environ
