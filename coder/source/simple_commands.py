"""The simple commands of a shell's line: those between operators, in substitutions, behind assignments."""

import re

MAX_DEPTH = 20
"""Substitutions inside one another."""
_TOKEN = re.compile(
    r"""
    (?P<blank> [^\S\n]+ | \\\n )
    | (?P<text> \\. | '[^']*' | \$'(?:\\.|[^'\\])*' | [^\s\\'"`$;&|()<>]+ )
    | (?P<quote> " )
    | (?P<substitution> ` | [$<>]\( )
    | (?P<document> <<-?(?!<) )
    | (?P<redirection> &>>? | >>?[|&]? | <<< | <[>&]? )
    | (?P<operator> [;&|\n()] )
    | (?P<lone> \$ )
    """,
    re.VERBOSE | re.DOTALL,
)
_DELIMITER = re.compile(r"""[^\S\n]*((?:'[^'\n]*'|"[^"\n]*"|\\.|[^\s\\'"`;&|()<>])+)""")
_IN_QUOTES = re.compile(r"""(?P<end>")|(?P<substitution>`|\$\()|\\\n|(?P<text>\\.|[^\\"`$]+|\$)""", re.DOTALL)
_BACKQUOTED = re.compile(r"((?:\\.|[^\\`])*)`", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_NUMBER = re.compile(r"[\d.]+[smhd]?")
_KEYWORDS = ("if", "then", "elif", "else", "do", "while", "until", "!", "{", "fi", "done", "}")
"""Words of the shell before or after a command."""
_WRAPPERS = (
    *("builtin", "command", "coproc", "env", "exec", "nice", "nohup", "stdbuf", "sudo", "time", "timeout"),
    "xargs",
)
"""Programs and words of the shell that run the command behind them."""


def simple_commands(line: str) -> list[str] | None:
    """Return the words of each simple command, joined by blanks; None if the line can't be understood.

    Commands in `$(…)`, backquotes and subshells are included, and those behind a program that runs a command,
    such as `timeout 5 git push`. Quotes, redirections, here-documents and comments are removed, as are
    assignments before a command, such as `A=1 git push`.
    """
    scanner = _Scanner(line, MAX_DEPTH)
    try:
        scanner.scan()
    except _Unclear:
        return None
    return scanner.commands


class _Unclear(Exception):
    """The line can't be understood."""


class _Scanner:
    """Reads a line once, from left to right."""

    def __init__(self, line: str, depth: int) -> None:
        self._line, self._position, self._depth = line, 0, depth
        self._documents: list[tuple[str, bool, bool]] = []
        """Here-documents that begin at the next line: delimiter, whether tabs precede it, and is quoted."""
        self.commands: list[str] = []

    def scan(self, *, is_nested: bool = False) -> None:
        """Read commands up to the end, or the parenthesis that closes a substitution or subshell."""
        command = _Command()
        while (token := _TOKEN.match(self._line, self._position)) is not None:
            if token.lastgroup == "text" and token[0].startswith("#") and not command.has_word:
                self._position = self._end_of_line()
                continue
            self._position = token.end()
            if token.lastgroup == "operator":
                self.commands += command.end()
                if token[0] == ")" and is_nested:
                    return
                self._operate(token[0])
            elif token.lastgroup == "document":
                command.redirect()
                self._begin_document()
            else:
                self._take(token, command)
        if self._position < len(self._line) or is_nested or self._documents:
            raise _Unclear
        self.commands += command.end()

    def _take(self, token: re.Match[str], command: "_Command") -> None:
        match token.lastgroup:
            case "blank" if token[0] != "\\\n":
                command.end_word()
            case "text" | "lone":
                command.add(_unquoted(token[0]))
            case "quote":
                command.add(self._quoted())
            case "substitution":
                self._substitute(token[0])
                command.add("")
            case "redirection":
                command.redirect()

    def _operate(self, operator: str) -> None:
        if operator == "(":
            self._nest()
        elif operator == "\n":
            for delimiter, has_tabs, is_quoted in self._documents:
                self._skip_document(delimiter, has_tabs=has_tabs, is_quoted=is_quoted)
            self._documents.clear()

    def _nest(self) -> None:
        """Read a subshell or substitution; in arithmetic, `<<` begins no here-document."""
        if self._depth == 0:
            raise _Unclear
        self._depth -= 1
        is_arithmetic, outer_documents = self._line.startswith("(", self._position), self._documents
        self._documents = []
        self.scan(is_nested=True)
        self._documents = outer_documents if is_arithmetic else [*outer_documents, *self._documents]
        self._depth += 1

    def _substitute(self, opening: str) -> None:
        if opening != "`":
            self._nest()
            return
        match = _BACKQUOTED.match(self._line, self._position)
        if match is None or self._depth == 0:
            raise _Unclear
        inner = _Scanner(re.sub(r"\\([\\`$])", r"\1", match[1]), self._depth - 1)
        inner.scan()
        self.commands += inner.commands
        self._position = match.end()

    def _quoted(self, end: int | None = None) -> str:
        """Read on to the closing double quote, or to a position, and return the text."""
        texts = []
        while end is None or self._position < end:
            part = _IN_QUOTES.match(self._line, self._position)
            if part is None:
                raise _Unclear
            self._position = part.end()
            if part["end"] and end is None:
                break
            if part["substitution"]:
                self._substitute(part["substitution"])
            texts.append(re.sub(r'\\([\\"`$])', r"\1", part["text"] or ""))
        return "".join(texts)

    def _begin_document(self) -> None:
        if (match := _DELIMITER.match(self._line, self._position)) is None:
            raise _Unclear
        has_tabs = self._line.startswith("<<-", self._position - 3)
        delimiter = re.sub(r"""['"\\]""", "", match[1])
        self._documents.append((delimiter, has_tabs, delimiter != match[1]))

    def _skip_document(self, delimiter: str, *, has_tabs: bool, is_quoted: bool) -> None:
        start = self._position
        while self._position < len(self._line):
            end = self._end_of_line()
            text = self._line[self._position : end]
            if (text.lstrip("\t") if has_tabs else text) == delimiter:
                if not is_quoted:
                    self._expand(start, self._position)
                self._position = end
                return
            self._position = end + 1
        raise _Unclear

    def _expand(self, start: int, end: int) -> None:
        self._position = start
        self._quoted(end)

    def _end_of_line(self) -> int:
        end = self._line.find("\n", self._position)
        return end if end >= 0 else len(self._line)


class _Command:
    """A simple command that is being read."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        """Parts of the present word; an empty part is a word, too, as in `""`."""
        self._words: list[str] = []
        self._is_target = False
        """Whether the next word is where a redirection leads."""

    @property
    def has_word(self) -> bool:
        """Whether a word has begun."""
        return bool(self._parts)

    def add(self, text: str) -> None:
        """Add text to the present word."""
        self._parts.append(text)

    def redirect(self) -> None:
        """End the present word, unless it is the number of a descriptor; the next word is the target."""
        if "".join(self._parts).isdecimal():
            self._parts.clear()
        self.end_word()
        self._is_target = True

    def end_word(self) -> None:
        """End the present word, if any."""
        if not self._parts:
            return
        if not self._is_target:
            self._words.append("".join(self._parts))
        self._parts.clear()
        self._is_target = False

    def end(self) -> list[str]:
        """Return the command, and the one that it runs, and begin another one."""
        self.end_word()
        words, commands = self._words, []
        self._words, self._is_target = [], False
        while words:
            if words[0] in _WRAPPERS:
                commands.append(" ".join(words))
                del words[0]
                while words and (words[0].startswith("-") or _NUMBER.fullmatch(words[0])):
                    del words[0]
            elif words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0]):
                del words[0]
            elif words[0] == "function":
                del words[:2]
            else:
                return [*commands, " ".join(words)]
        return commands


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    return text[2:-1] if text.startswith("$'") else text.removeprefix("\\")
