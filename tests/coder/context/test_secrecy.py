"""Files that hold keys: known by their names, shown to no model that the user hasn't named them to."""

from pathlib import Path

import pytest

from coder import Settings, Task
from coder.context.secrecy import is_secret, secrets_in, withheld
from coder.models.scripted import Scripted
from tests.git_repository import make_repository
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

KEY = "live0123456789abcdef"


KEPT = ".env app/.env.local .ENV tls/server.key id_ed25519 .netrc .npmrc secrets.yaml aws/credentials"
OTHERS = ".env.example environment.py secrets.py key.py test_credentials.py monkey a.env.py"


@pytest.mark.parametrize("path", [*KEPT.split(), "client_secret_12.json", "prod.tfvars"])
def test_files_of_keys_are_known_by_their_names(path: str) -> None:
    assert is_secret(path)


@pytest.mark.parametrize("path", OTHERS.split())
def test_other_files_are_not(path: str) -> None:
    assert not is_secret(path)


@pytest.mark.parametrize("asked", ["read .env first", "This is about: `a/.env`."])
def test_who_names_a_file_wants_it_shown(asked: str) -> None:
    assert withheld(["a/.env"], prompt=asked) == set()


@pytest.mark.parametrize("asked", ["", "the environment", "see .env.example", "x.env", ".environment"])
def test_words_like_its_name_do_not_name_it(asked: str) -> None:
    assert withheld([".env", "a.py"], prompt=asked) == {".env"}


def test_a_glob_of_files_to_read_names_it_too() -> None:
    assert withheld([".env", "b/.env"], prompt="", read=[".env*"]) == set()


def test_a_star_of_such_a_glob_stays_in_its_folder() -> None:
    paths = ["conf/.env", "conf/prod/.env"]

    assert withheld(paths, prompt="", read=["conf/*"]) == {"conf/prod/.env"}
    assert withheld(paths, prompt="", read=["conf/**/.env"]) == set()


def test_the_keys_of_an_env_file_are_known_and_its_words_are_not() -> None:
    text = f'export API_KEY="{KEY}"\nSECRET_KEY=development\nPORT=8080808080808\nPASSWORD=a 1 b 2 c 3 d 4\n'

    assert list(secrets_in({".env": text, "b.py": f"API_KEY={KEY}"})) == [KEY]


async def test_neither_a_prompt_nor_a_programs_output_tells_a_model_the_key(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"API_KEY={KEY}\n")
    (tmp_path / "main.py").write_text("x = 1\n")
    peek = "main.py\n```python\nx = 1\nraise ValueError(open('.env').read())\n```"
    model = Scripted([peek, "`main.py`\n```python\nx = 2\n```"])

    await solve(
        Task(prompt="Make it 2.", workspace=tmp_path, test_command=("python3", "-c", "import main")),
        model=model,
        settings=Settings(edit_format="whole"),
        log=MemoryLog(),
    )

    sent = "\n".join(message.content for request in model.requests for message in request.messages)
    assert len(model.requests) == 2
    assert KEY not in sent
    assert "[redacted]" in sent
    assert "`.env`: there too, and kept from you." in sent


async def test_a_link_to_a_file_of_keys_is_kept_from_a_model_too(tmp_path: Path) -> None:
    make_repository(tmp_path, **{"main__py": "x = 1\n"})
    (tmp_path / ".env").write_text(f"GREETING={KEY}\n")
    (tmp_path / "notes.txt").symlink_to(".env")
    model = Scripted(["`main.py`\n```python\nx = 2\n```"])

    await solve(
        Task(prompt="Make it 2.", workspace=tmp_path, test_command=("python3", "-c", "import main")),
        model=model,
        settings=Settings(edit_format="whole"),
        log=MemoryLog(),
    )

    assert KEY not in "\n".join(message.content for one in model.requests for message in one.messages)
