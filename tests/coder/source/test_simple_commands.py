"""The simple commands of a line are those that a shell would run."""

import pytest

from coder.source.simple_commands import simple_commands


@pytest.mark.parametrize(
    "line",
    [
        "git push>/dev/null 2>&1",
        "2>/dev/null git push",
        "> log git push &> log",
        "A=x#y git push # to the server",
        "gi\\\nt push",
        "echo a\\\\\ngit push",
        "echo $'\\'' ; git push; echo \\'",
        "f() { git push; }",
        "function f { git push; }",
        "case a in a) git push;; esac",
        'echo "a $( (ls); git push )"',
        "echo `echo \\`git push\\``",
        "diff <(git push) x",
        "echo ${x:-$(git push)}",
        "echo $((1<<2))\ngit push\n2",
        "cat <<A <<'B'; git push\nx\nA\nit's\nB",
        "cat <<A <<'B'\nx\nA\nit's\nB\ngit push",
        "cat <<-A\n\t$(git push)\n\tA",
        "timeout -k 5 10s env A=1 git push",
    ],
)
def test_a_command_is_seen_wherever_it_stands(line: str) -> None:
    commands = simple_commands(line)

    assert commands is not None
    assert "git push" in commands


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("cat > a.py <<'EOF'\nprint(\"don't\")\n$(git push)\nEOF\npytest -q", ["cat", "pytest -q"]),
        ("cat <<EOF\nit's \"quoted\n\\$(git push)\nEOF", ["cat"]),
        ("git commit -m \"$(cat <<'E'\nDon't break (it)\nE\n)\"", ["cat", "git commit -m "]),
        ("echo 'git push' # don't; git push\nls", ["echo git push", "ls"]),
        ("echo a#b ${x#y} $#", ["echo a#b ${x#y} $#"]),
        ("cat <<<it; ls 2>&1 | tail -3", ["cat", "ls", "tail -3"]),
        ("echo \"\" '' | xargs rm", ["echo  ", "xargs rm", "rm"]),
        ("", []),
    ],
)
def test_texts_in_quotes_documents_and_comments_are_no_commands(line: str, commands: list[str]) -> None:
    assert simple_commands(line) == commands


@pytest.mark.parametrize("line", ["echo 'a", 'echo "a', "echo $(ls", "echo `ls", "cat <<E\nx", "(" * 100_000])
def test_a_line_that_is_not_closed_cannot_be_understood(line: str) -> None:
    assert simple_commands(line) is None
