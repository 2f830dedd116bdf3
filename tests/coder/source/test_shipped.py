"""Which files a project ships, by its manifests and its layout."""

import pytest

from coder.source.shipped import find_shipped

PROJECT = '[project]\nname = "web-shop"\n'


@pytest.mark.parametrize(
    ("texts", "shipped"),
    [
        ({"pyproject.toml": PROJECT, "web_shop.py": "", "cases.py": ""}, {"web_shop.py"}),
        ({"setup.py": "", "a/__init__.py": "", "a/b.json": ""}, {"a/__init__.py", "a/b.json"}),
        ({"pyproject.toml": PROJECT, "tools/__init__.py": "", "web_shop/a.py": ""}, {"web_shop/a.py"}),
        ({"setup.py": "setup(name='x', py_modules=['a', 'b'])", "a.py": "", "c.py": ""}, {"a.py"}),
        ({"setup.cfg": "[options]\npy_modules =\n  a\n  b\n", "b.py": "", "c.py": ""}, {"b.py"}),
        ({"pyproject.toml": PROJECT + '[project.scripts]\nx = "cli:main"\n', "cli.py": ""}, {"cli.py"}),
        ({"pyproject.toml": '[tool.ruff]\nsrc = ["a"]\n', "a/__init__.py": "", "b.py": ""}, set()),
        ({"src/shop.py": "", "cases.py": ""}, {"src/shop.py"}),
        ({"api/pyproject.toml": PROJECT, "api/src/a.py": "", "b.py": ""}, {"api/src/a.py"}),
        ({"package.json": '{"main": "./lib/a"}', "lib/a.js": "", "lib/b.js": "", "c.js": ""}, {"lib/a.js"}),
        ({"package.json": '{"files": ["lib"]}', "lib/b.js": "", "check.js": ""}, {"lib/b.js"}),
        ({"package.json": '{"exports": {".": "./dist/a.js"}}', "lib/a.ts": "", "c.js": ""}, {"lib/a.ts"}),
        ({"package.json": "{}", "index.js": "", "check.js": ""}, {"index.js"}),
        ({"package.json": "not JSON", "check.js": ""}, set()),
        ({"go.mod": "", "a/b.go": "", "a/b_test.go": "", "check.py": ""}, {"a/b.go"}),
        ({"Cargo.toml": "", "src/lib.rs": "", "benches/b.rs": ""}, {"src/lib.rs"}),
        ({"pom.xml": "", "src/main/java/A.java": "", "check.py": ""}, {"src/main/java/A.java"}),
        ({"tests/pkg/pyproject.toml": PROJECT, "tests/pkg/web_shop.py": ""}, set()),
        ({"shop.py": "", "cases.py": "", "Makefile": ""}, set()),
    ],
)  # fmt: skip
def test_a_project_ships_what_its_manifest_names_or_its_layout_says(
    texts: dict[str, str], shipped: set[str]
) -> None:
    assert find_shipped(texts) == shipped
