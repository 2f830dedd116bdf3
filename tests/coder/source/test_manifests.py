"""What a folder's manifests say is to be installed, and from where."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coder.base.errors import UsageError
from coder.people.install.indexes import NPM, PYPI, find_indexes, find_unreachable
from coder.source.manifests import (
    are_declared,
    find_manifests,
    install_command,
    is_ignored_module,
    missing_modules,
)

EXTRAS = b"""
[project]
name = "x"
[project.optional-dependencies]
test = ["y"]
docs = ["z"]
"""
GROUPS = b"""
[project]
name = "x"
[dependency-groups]
test = ["pytest>8", {include-group = "more"}]
more = ["x y"]
"""
CIRCLE = b"""
[dependency-groups]
test = [{include-group = "dev"}]
dev = [{include-group = "test"}, "z"]
"""


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"requirements.txt": b""}, "python -m pip install -r requirements.txt pytest"),
        (
            {"requirements.txt": b"", "requirements-dev.txt": b"", "setup.py": b""},
            "python -m pip install -r requirements.txt -r requirements-dev.txt -e . pytest",
        ),
        (
            {"pyproject.toml": EXTRAS},
            "python -m pip install -e '.[test]' pytest",
        ),
        ({"pyproject.toml": GROUPS}, "python -m pip install -e . 'pytest>8' 'x y' pytest"),
        ({"pyproject.toml": b"[tool.ruff]\n", "package.json": b"{}"}, "npm install --no-package-lock"),
        ({"package.json": b"{}", "package-lock.json": b"{}"}, "npm ci"),
    ],
)
def test_the_command_follows_from_the_manifests(files: dict[str, bytes], command: str) -> None:
    assert install_command(files, ("pytest",), uses_pytest=True) == command


def test_groups_that_include_each_other_end() -> None:
    files = {"pyproject.toml": CIRCLE}

    assert install_command(files, (), uses_pytest=False) == "python -m pip install z z"


@pytest.mark.parametrize("entry", ['["--index-url=https://x.example", "/etc", "y"]', '["y"]'])
def test_a_group_can_give_the_installer_no_options(entry: str) -> None:
    files = {"pyproject.toml": f"[dependency-groups]\ndev = {entry}\n".encode()}

    assert install_command(files, (), uses_pytest=False) == "python -m pip install y"


def test_a_group_that_is_no_list_names_nothing() -> None:
    files = {"pyproject.toml": b"[dependency-groups]\ndev = 7\n", "requirements.txt": b""}

    assert install_command(files, (), uses_pytest=False) == "python -m pip install -r requirements.txt"


@pytest.mark.parametrize("files", [{}, {"main.py": b""}, {"pyproject.toml": b"[tool.ruff]\n"}])
def test_a_folder_that_names_nothing_is_told_what_to_say(files: dict[str, bytes]) -> None:
    with pytest.raises(UsageError, match="--install-with"):
        install_command(files, ("make", "test"), uses_pytest=False)


def test_pytest_is_installed_for_a_folder_that_names_nothing() -> None:
    assert install_command({}, ("pytest",), uses_pytest=True) == "python -m pip install pytest"


def test_a_manifest_that_is_nested_too_deeply_is_no_failure_of_coder() -> None:
    with pytest.raises(UsageError, match="can't be read"):
        install_command({"pyproject.toml": b"a = " + b"[" * 60_000}, (), uses_pytest=False)


def test_manifests_deep_down_and_of_any_name_have_a_say() -> None:
    files = {"a/requirements/linux.txt": b"", "b/package.json": b"", "readme.txt": b"", "src/app.py": b""}

    assert find_manifests(files).keys() == {"a/requirements/linux.txt", "b/package.json"}


def test_without_a_word_of_the_user_the_public_indexes_are_reached(tmp_path: Path) -> None:
    assert find_indexes({}, home=tmp_path).hosts == (*PYPI, *NPM)


def test_the_users_own_indexes_take_the_place_of_the_public_ones(tmp_path: Path) -> None:
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example:8443/simple\n"
    )
    (tmp_path / ".npmrc").write_text("registry=https://n.example/\n//n.example/:_authToken=secret\n")

    indexes = find_indexes(
        {"PIP_EXTRA_INDEX_URL": "file:///x http://b.example/y"}, home=tmp_path, extra_hosts=("c.example",)
    )

    assert indexes.hosts == ("a.example:8443", "b.example", "n.example", "c.example")
    assert indexes.environment["PIP_INDEX_URL"] == "https://a.example:8443/simple"
    assert "secret" not in str(indexes)


def test_an_index_behind_a_password_is_refused_without_saying_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a password") as refused:
        find_indexes({"PIP_INDEX_URL": "https://me:hunter2@a.example/simple"}, home=tmp_path)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://pypi.host.example/1x9fakeTokenOfAHost23/me/",
        "https://a.example/simple?token=k3yk3yk3yk3yk3yk",
        "https://a.example/glpat-abcdefghijklmnopqrst/simple",
        "https://a.example/hunter2hunter/simple",
    ],
)
@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "npm_config_registry"])
def test_an_index_with_a_key_in_its_address_is_refused_without_saying_it(
    tmp_path: Path, variable: str, address: str
) -> None:
    with pytest.raises(UsageError, match="a password or a key") as refused:
        find_indexes({variable: address, "INDEX_TOKEN": "hunter2hunter"}, home=tmp_path)

    assert urlsplit(address).path not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://gitlab.example/api/v4/projects/12345678/packages/pypi/simple",
        "https://a.example/artifactory/api/pypi/pypi-local/simple",
        "https://pkgs.example/org/_packaging/0f8fad5b-d9cb-469f-a165-70867728950e/pypi/simple/",
        "https://europe-python.example/my-project-123456/repo/simple/",
        "https://download.example/whl/cu118",
    ],
)
def test_an_index_of_a_team_is_taken(tmp_path: Path, address: str) -> None:
    assert find_indexes({"PIP_INDEX_URL": address}, home=tmp_path).environment["PIP_INDEX_URL"] == address


@pytest.mark.usefixtures("starts_something")
async def test_an_index_that_has_only_private_addresses_is_named() -> None:
    known = {"pypi.corp.example": ["10.1.2.3", "fd00::1"], "both.example": ["10.1.2.3", "93.184.215.14"]}

    async def look_up(name: str, port: int) -> list[str]:
        if name not in known:
            raise OSError("no such name")
        return known[name]

    assert await find_unreachable(["both.example:8443", "unknown.example"], look_up=look_up) == ""
    reason = await find_unreachable(["both.example", "pypi.corp.example:8443"], look_up=look_up)
    assert "pypi.corp.example:8443 can't be reached: 10.1.2.3 is a private address" in reason
    assert "no setting allows it. Install into .venv yourself" in reason


def test_an_index_whose_address_no_sandbox_reaches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The index 10\.1\.2\.3:8080 .*private address.* no setting"):
        find_indexes({"PIP_INDEX_URL": "http://10.1.2.3:8080/simple"}, home=tmp_path)


def test_what_isnt_installed_is_read_off_what_python_and_node_say() -> None:
    output = (
        "E   ModuleNotFoundError: No module named 'yaml.nodes'\nModuleNotFoundError: No module named 'own'\n"
        "ModuleNotFoundError: No module named 'test_*'\n"
        "Error: Cannot find module '@a/b'\nError: Cannot find module './own.js'\n"
    )

    assert missing_modules(output, ["own/x.py"]) == ("yaml", "@a/b")


def test_a_missing_module_is_declared_by_its_name_in_a_manifest() -> None:
    files = {"requirements.txt": "My_Package>=2\n", "notes.txt": "other\n"}

    assert are_declared(["my_package"], files)
    assert not are_declared(["package", "other"], files)


def test_a_file_that_a_tool_leaves_out_is_no_declared_dependency() -> None:
    assert not are_declared(["settings_local"], {"setup.cfg": "[coverage:run]\nomit = settings_local.py\n"})


@pytest.mark.parametrize(
    ("line", "is_local"),
    [
        ("settings_local.py", True),
        ("/conf/settings_local.py", True),
        ("settings_*", True),
        ("settings_local/", True),
        ("*.py", False),
        ("# settings_local.py", False),
        ("local.py", False),
    ],
)
def test_a_module_that_git_ignores_is_local(line: str, is_local: bool) -> None:
    assert is_ignored_module("settings_local", {".gitignore": f"*.log\n{line}\n"}) is is_local
