"""Who gets in, and to what."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from coder.platform.server.access import COOKIE
from coder.platform.server.bearer_tokens import SCOPES, Caller, digest
from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.people.cli.console import Console
from tests.coder.platform.server.served import Server, configure, started

READ, ALL, OTHER = "a-token-that-reads", "a-token-for-all", "a-token-of-another-folder"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with three tokens of two folders."""
    home = tmp_path_factory.mktemp("home")
    root, other = home / "root" / "one", home / "root" / "other"
    for folder in (root, other):
        folder.mkdir(parents=True)
    configure(home, base_url="http://127.0.0.1:9", model="toy")
    callers = [
        Caller(name="reader", sha256=digest(READ), scopes=frozenset({"read"}), root=root),
        Caller(name="all", sha256=digest(ALL), root=root),
        Caller(name="other", sha256=digest(OTHER), root=other),
    ]
    file = home / "tokens"
    file.write_text(f"[{', '.join(caller.model_dump_json() for caller in callers)}]")
    file.chmod(0o600)
    with started(home, "--token-file", str(file), "--name", "coder.example.org") as running:
        yield running


def call(server: Server, method: str, path: str, token: str | None = ALL, **more: object) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    headers |= more.pop("headers", {})  # type: ignore[arg-type]
    return httpx2.request(method, server.url + path, headers=headers, timeout=60, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["/runs", "/runs/run_a", "/runs/run_a/events", "/openapi.json", "/nothing", "/mcp"]
)
@pytest.mark.parametrize("token", [None, "wrong", f"{ALL}x", digest(ALL)])
def test_without_a_token_nothing_is_told(server: Server, path: str, token: str | None) -> None:
    answered = call(server, "GET", path, token)

    assert (answered.status_code, answered.headers["www-authenticate"]) == (401, "Bearer")
    assert answered.json().keys() == {"what", "why", "next"}


def test_only_whether_the_server_is_up_is_told_to_everybody(server: Server) -> None:
    assert call(server, "GET", "/healthz", None, headers={"Host": "10.0.0.7"}).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "example.org"}, 421),
        ({"Host": "127.0.0.1.example.org"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "CODER.example.org:8443"}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "coder.example.org", "Origin": "https://coder.example.org"}, 200),
        ({"Host": "coder.example.org", "Origin": "https://coder.example.org.evil"}, 403),
        ({"Authorization": f"Basic {ALL}"}, 401),
        ({"Authorization": ALL}, 401),
        ({"Authorization": f"bearer {ALL}"}, 200),
    ],
)
def test_a_name_or_a_page_of_another_origin_is_refused(
    server: Server, headers: dict[str, str], status: int
) -> None:
    assert call(server, "GET", "/runs", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status"),
    [
        ("GET", "/teams?name=pair", None, READ, 403),
        ("GET", "/teams", None, READ, 200),
        ("POST", "/runs", {"prompt": "x"}, READ, 403),
        ("POST", "/runs/run_a/stop", None, READ, 403),
        ("POST", "/runs/run_a/resume", None, READ, 403),
        ("POST", "/run", {"code": "1"}, READ, 403),
        ("POST", "/runs/run_a/answers", {"decision": "yes"}, READ, 403),
        ("POST", "/mcp", {}, READ, 403),
        ("POST", "/runs/run_a/messages", {"text": "x"}, READ, 403),
        ("POST", "/studio/new", {"prompt": "x"}, READ, 403),
        ("POST", "/studio/flows/any", {}, READ, 403),
        ("POST", "/studio/teams/fields", {"name": "a"}, READ, 403),
        ("POST", "/studio/teams/toml", {"name": "a", "toml": ""}, READ, 403),
        ("POST", "/studio/teams/toml", {"name": "a", "toml": ""}, ALL, 403),
        ("GET", "/new", None, READ, 403),
        ("GET", "/studio/flows", None, READ, 200),
        ("GET", "/studio/compare", None, READ, 200),
        ("GET", "/reports/compare", None, READ, 200),
        ("GET", "/runs", None, READ, 200),
    ],
)
def test_a_token_does_what_its_scopes_say(
    server: Server, method: str, path: str, body: object, token: str, status: int
) -> None:
    assert call(server, method, path, token, json=body).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/runs/run_a/messages",
        "/studio/new",
        "/studio/flows/any",
        "/studio/teams/fields",
        "/studio/teams/toml",
    ],
)
def test_a_form_of_a_page_of_another_origin_is_refused(server: Server, path: str) -> None:
    headers = {"Origin": "https://example.org"}

    answered = call(server, "POST", path, json={"text": "x", "prompt": "x", "name": "a"}, headers=headers)

    assert (answered.status_code, "another origin" in answered.json()["what"]) == (403, True)


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../other",
        "/etc",
        "link",
        "link/deeper",
        "a/../../other",
        "file",
        "loop",
        "gone",
        "a\0b",
        "\ud800",
    ],
)
def test_a_task_outside_of_the_tokens_folder_is_refused(server: Server, path: str) -> None:
    root = server.root / "one"
    for name, target in {
        "link": server.root / "other",
        "file": Path("/etc/passwd"),
        "loop": Path("loop"),
    }.items():
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    body = json.dumps({"prompt": "x", "workspace": path}).encode()

    answered = call(server, "POST", "/runs", content=body, headers={"Content-Type": "application/json"})

    assert answered.status_code == 422, answered.text


@pytest.mark.parametrize(
    "more",
    [
        {"settings": {}},
        {"base_url": "http://x"},
        {"model": "m"},
        {"backend": "container"},
        {"network": ["x"]},
    ],
)
def test_a_request_chooses_no_model_and_no_sandbox(server: Server, more: dict[str, object]) -> None:
    for path, body in (("/runs", {"prompt": "x"}), ("/run", {"code": "1"})):
        assert call(server, "POST", path, json={**body, **more}).status_code == 422


@pytest.mark.slow
async def test_a_run_outside_of_the_tokens_folder_is_not_there(server: Server) -> None:
    folder = server.root / "one"
    begun = {
        "run_below": (Task(prompt="x", workspace=folder), Settings()),
        "run_mine": (Task(prompt="x"), Settings(served=folder)),
        "run_outside": (Task(prompt="x", workspace=server.root), Settings()),
        "run_nowhere": (Task(prompt="x"), Settings()),
    }
    for run, (task, settings) in begun.items():
        await server.append(run, [RunStarted(task=task, settings=settings, model="toy")])

    runs_by_token = {
        token: {row["run_id"] for row in call(server, "GET", "/runs", token).json()} for token in (ALL, OTHER)
    }

    assert runs_by_token == {ALL: {"run_below", "run_mine"}, OTHER: set()}
    for run in begun:
        for method, path in (
            ("GET", ""),
            ("GET", "/events"),
            ("GET", "/patch"),
            ("POST", "/stop"),
            ("POST", "/resume"),
        ):
            assert call(server, method, f"/runs/{run}{path}", OTHER).status_code == 404, (run, path)


def test_a_browser_signs_in_and_its_cookie_counts_for_pages_of_the_server_alone(server: Server) -> None:
    assert call(server, "POST", "/session", None, json={"token": "wrong"}).status_code == 401
    signed = call(server, "POST", "/session", None, json={"token": READ})
    cookie = signed.headers["set-cookie"]
    by_cookie = {"Cookie": cookie.partition(";")[0]}
    body = {"prompt": "x"}

    assert signed.status_code == 204
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert call(server, "GET", "/runs", None, headers=by_cookie).status_code == 200
    assert call(server, "POST", "/runs", None, json=body, headers=by_cookie).status_code == 401
    own = by_cookie | {"Origin": server.url}
    assert call(server, "POST", "/runs", None, json=body, headers=own).status_code == 403  # it only reads
    assert call(server, "GET", "/", None, headers={"Accept": "text/html"}).headers["location"] == "/login"


@pytest.mark.slow
def test_a_cookie_is_no_token_and_counts_until_the_browser_signs_out(server: Server) -> None:
    cookies = [
        call(server, "POST", "/session", None, json={"token": ALL}).headers["set-cookie"] for _ in range(2)
    ]
    first, other = ({"Cookie": one.partition(";")[0]} for one in cookies)

    elsewhere = call(server, "POST", "/logout", None, headers=first | {"Origin": "https://example.org"})
    before = call(server, "GET", "/runs", None, headers=first).status_code
    logout = call(server, "POST", "/logout", None, headers=first)

    assert (elsewhere.status_code, before, logout.status_code) == (403, 200, 204)
    assert call(server, "GET", "/runs", None, headers=first).status_code == 401
    assert call(server, "GET", "/runs", None, headers=other).status_code == 200
    assert "Max-Age=43200" in cookies[0]
    for cookie in (ALL, digest(ALL), ""):
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        assert call(server, "GET", "/runs", None, headers=headers).status_code == 401


@pytest.mark.parametrize("token", ["\ud800", "", "\0", "x" * 100_000])
def test_a_token_that_nobody_can_have_is_refused(server: Server, token: str) -> None:
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json"}
    answered = call(server, "POST", "/session", None, content=body, headers=headers)

    assert answered.status_code in (401, 413, 422)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/runs", 200), ("/runs/no", 404), ("/no", 404), ("/static/studio.js", 200)],
)
@pytest.mark.parametrize("token", [ALL, None])
def test_no_answer_is_guessed_at_kept_or_framed(
    server: Server, path: str, status: int, token: str | None
) -> None:
    answered = call(server, "GET", path, token)

    assert answered.status_code in (status, 401)
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answered.headers["content-security-policy"]


def test_a_body_that_is_too_long_or_has_no_length_is_refused(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"{}"

    assert call(server, "POST", "/runs", content=b"x" * (8 << 20) + b"x").status_code == 413
    assert call(server, "POST", "/runs", content=chunks()).status_code == 411


def test_a_token_is_printed_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    console, file = Console(tmp_path), tmp_path / "tokens"
    new = ("serve", "--token-file", str(file), "--root", str(tmp_path), "--new-token")
    first, again = console.run(*new, "ana"), console.run(*new, "ana", "--scopes", "read")
    wrong = console.run(*new, "bob", "--scopes", "write")

    (kept,) = json.loads(file.read_text())
    assert (first.code, again.code, wrong.code) == (0, 0, 2)
    assert (kept["sha256"], kept["scopes"]) == (digest(again.out.strip()), ["read"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert "There is no scope 'write'" in wrong.err
    assert set(SCOPES) == {"read", "run", "approve"}


@pytest.mark.slow
def test_tokens_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    console, file = Console(tmp_path), tmp_path / "tokens"
    new = ("serve", "--token-file", str(file), "--new-token")

    adding = [console.start(*new, f"t{number}") for number in range(8)]
    ends = [process.communicate(timeout=120) and process.returncode for process in adding]

    assert ends == [0] * 8
    assert {one["name"] for one in json.loads(file.read_text())} == {f"t{number}" for number in range(8)}


@pytest.mark.parametrize("place", ["..", "link", "../elsewhere"])
def test_a_token_for_a_folder_that_is_not_below_that_of_the_server_is_refused_at_the_start(
    tmp_path: Path, place: str
) -> None:
    (root := tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    caller = Caller(name="ana", sha256=digest(ALL), root=root / place)
    (file := tmp_path / "tokens").write_text(f"[{caller.model_dump_json()}]")
    file.chmod(0o600)

    done = Console(tmp_path).run("serve", "--token-file", str(file), "--root", str(root))

    assert (done.code, "'ana'" in done.err, "Replace it" in done.err) == (2, True, True), done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "could run programs here"),
        (("--host", "::"), "could run programs here"),
        (("--token-file", "gone"), "can't be read"),
        (("--token-file", "open"), "Others can write"),
        (("--token-file", "empty"), "holds no token"),
        (("--token-file", "broken"), "isn't a file of tokens"),
        (("--token-file", "nameless"), "a token without a name"),
        (("--root", "gone"), "there is no folder"),
        (("--new-token", "ana"), "--token-file"),
        (("--new-token", "", "--token-file", "new"), "needs a name"),
        (("--new-token", " ", "--token-file", "new"), "needs a name"),
    ],
)
def test_what_would_let_in_anybody_is_refused_at_the_start(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    nameless = f"[{Caller(name=' ', sha256=digest('x'), root=tmp_path).model_dump_json()}]"
    files = (("empty", "[]", 0o600), ("broken", "{}", 0o600), ("nameless", nameless, 0o600))
    for name, text, mode in (("open", "[]", 0o666), *files):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)

    done = Console(tmp_path).run("serve", *arguments)

    assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("serve",), ("mcp", "--http", "0")])
def test_where_the_extra_is_missing_it_says_what_to_install(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('fastapi', 'starlette', 'uvicorn'):\n    sys.modules[name] = None\n"
        "import importlib.util as util\nfound = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name in sys.modules and sys.modules[name] is None "
        "else found(name, *more)\n"
    )
    server = Console(tmp_path).start(*arguments, PYTHONPATH=str(tmp_path))

    install = f"{sys.executable} -m pip install -e '{Path(__file__).parents[4]}[server]'"
    message = f"error: FastAPI isn't installed. Install it: {install}\n".encode()
    assert (server.communicate()[1].endswith(message), server.returncode) == (True, 2)
