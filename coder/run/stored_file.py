"""StoredFile: a file of the user's folder as the run read it; listings of such files."""

import base64
import hashlib
from collections.abc import Mapping
from operator import not_
from typing import Literal, Self

from pydantic import Field

from coder.base.text.editor_config import NAME, UTF_16, Charset, charset_among
from coder.base.text.encodings import decode_declared, decoded
from sandbox.result import Value

LeftOut = Literal[
    "held",
    "denied",
    "asked",
    "needs_allow",
    "decides",
    "too_large",
    "too_many",
    "link",
    "special",
    "name",
    "unreadable",
    "made_again",
]
"""held: may run by itself later; `--allow PATH` lands it. needs_allow: a given test or another file that
decides what passes; `--allow PATH` lands it. decides: a deciding file that the run doesn't keep, or a
read-only file. made_again: the test command makes it by itself. The others can't be taken over."""

LINK_MODE = 0o120000
"""Mode of a symbolic link that a session makes; its content is its target."""
_END = "\0"
"""End of a listing's entry; no path contains it."""
_LINK = "//"
"""Separates a link from its target in a listing; no path contains it."""


class StoredFile(Value):
    """One file of the user's folder as the run read it."""

    text: str | None = None
    base64: str | None = None
    """Content that is no text; exactly one of text and base64 is set."""
    encoding: str | None = Field(default=None, exclude_if=not_)
    """The encoding that the content declares if it isn't UTF-8."""
    mode: int = 0o644
    """Permission bits."""
    sha256: str | None = Field(default=None, exclude=True)
    """Hash of the content; alone, without text and base64, if the content stays in the user's folder."""
    link: str | None = Field(default=None, exclude_if=not_)
    """Target path if the file is a link; the content is the target's."""

    @classmethod
    def of(cls, content: bytes, *, mode: int = 0o644, link: str | None = None) -> Self:
        """Return a file with this content."""
        text = base64_text = encoding = None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            if (declared := decode_declared(content)) is not None:
                text, encoding = declared
            else:
                base64_text = base64.b64encode(content).decode("ascii")
        digest = hashlib.sha256(content).hexdigest()
        return cls.model_construct(
            text=text, base64=base64_text, encoding=encoding, mode=mode, sha256=digest, link=link
        )

    def in_charset(self, charset: str | None) -> Self:
        """Return the file as the text that it is by the codec of its path; unchanged if it is none."""
        if charset is None or self.encoding is not None or (self.text is not None and charset not in UTF_16):
            return self
        known = decode_declared(self.content, charset)
        changes = {"base64": None, "text": known[0], "encoding": known[1]} if known is not None else {}
        return self.model_copy(update=changes)

    @property
    def content(self) -> bytes:
        """The bytes. Raises LookupError if the file was listed without its content."""
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        if self.text is None and self.sha256 is not None:
            raise LookupError(f"the content {self.sha256} stayed in the user's folder and was not read again")
        return (self.text or "").encode(self.encoding or "utf-8")

    @property
    def digest(self) -> str:
        """SHA-256 of the content in hex."""
        return self.sha256 or hashlib.sha256(self.content).hexdigest()

    @property
    def is_listed(self) -> bool:
        """Whether the content stayed in the user's folder."""
        return self.text is None and self.base64 is None

    @property
    def is_new_link(self) -> bool:
        """Whether it is a symbolic link that a session has made."""
        return self.mode == LINK_MODE

    @property
    def is_executable(self) -> bool:
        """Whether the file is executable."""
        return bool(self.mode & 0o100)


def charsets(files: Mapping[str, StoredFile | None]) -> Charset:
    """Return a function that finds the codec of a path by the files' `.editorconfig`."""
    configs = {
        path: file.text
        for path, file in files.items()
        if path.endswith(NAME) and path.rpartition("/")[2] == NAME and file is not None and file.text
    }
    return charset_among(configs)


def readable_texts(
    texts: Mapping[str, str | None], files: Mapping[str, StoredFile | None]
) -> dict[str, str | None]:
    """Return changed texts of `as_text` in their encodings; `files` are those of the run."""
    charset_of = charsets(files)
    return {path: text and decoded(text, charset_of(path)) for path, text in texts.items()}


def in_charsets(files: Mapping[str, StoredFile]) -> Mapping[str, StoredFile]:
    """Return files that were read without their `.editorconfig` as the texts that they are by it."""
    if not any(path.endswith(NAME) for path in files):
        return files
    charset_of = charsets(files)
    others = [path for path, file in files.items() if file.base64 is not None or "\0" in (file.text or "")]
    return {**files, **{path: files[path].in_charset(charset_of(path)) for path in others}}


def listing(files: Mapping[str, StoredFile]) -> str:
    """Return `MODE SHA256 PATH` of each file in order of path, links with `//TARGET`; the mode is octal."""
    return "".join(
        f"{file.mode:o} {file.digest} {path}{_LINK + file.link if file.link else ''}{_END}"
        for path, file in sorted(files.items())
    )


def listed(text: str) -> dict[str, StoredFile]:
    """Return the files of a listing by path, without contents."""
    files = {}
    for entry in text.split(_END)[:-1]:
        mode, sha256, path = entry.split(" ", 2)
        path, _, link = path.partition(_LINK)
        files[path] = StoredFile.model_construct(
            text=None, base64=None, mode=int(mode, 8), sha256=sha256, link=link or None
        )
    return files
