"""What every event says: a frozen body of a type and a version; and the user's files as the log keeps them.

Of a large folder the contents stay in their place, and the log has a listing: one text for all of them, so
that the same folder is stored once, however many runs begin there.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from coder.fs.file_hashes import SnapshotFile
from coder.run.events import Draft

_END = "\0"
"""Of an entry: no path holds it."""
_LINK = "//"
"""Between a link and the file that it leads to: no path of a listing holds it."""


class Body(BaseModel):
    """What an event says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool] = True
    """Must outlive a power cut. False where losing it only means that work in the sandbox is done again, or a
    reservation forgotten: no effect outside rests on it (docs/decisions/0014-one-sync-a-turn.md)."""
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release; left out where they are empty."""
    zeros: ClassVar[tuple[str, ...]] = ()
    """Those of them whose 0 says something."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {
            name: value
            for name, value in document.items()
            if value or name not in self.later or (value == 0 and name in self.zeros)
        }

    def draft(self) -> Draft:
        """This body as an event that waits for its number."""
        return Draft(
            type=self.type, version=self.version, body=self.model_dump(mode="json"), durable=self.durable
        )


class StoredFile(BaseModel):
    """One file of the user's folder as the run read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = None
    base64: str | None = None
    """Content that isn't UTF-8; exactly one of text and base64 is set."""
    mode: int = 0o644
    sha256: str | None = Field(default=None, exclude=True)
    """Of a content that stays where it is, instead of text and base64; the log has it in a listing."""
    link: str | None = None
    """The path of the file that this one is a link to; the content is that file's."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Without a link where there is none, as logs have always been."""
        return {name: value for name, value in plain(self).items() if name != "link" or value is not None}


def listing(files: Mapping[str, SnapshotFile]) -> str:
    """`MODE SHA256 PATH` of each file, by path, a link's with `//TARGET`; the mode in octal."""
    return "".join(
        f"{file.mode:o} {file.sha256} {path}{_LINK + file.link if file.link else ''}{_END}"
        for path, file in sorted(files.items())
    )


def listed(text: str) -> dict[str, StoredFile]:
    """The files of a listing, by path, without their contents."""
    files = {}
    for entry in text.split(_END)[:-1]:
        mode, sha256, path = entry.split(" ", 2)
        path, _, link = path.partition(_LINK)
        files[path] = StoredFile.model_construct(
            text=None, base64=None, mode=int(mode, 8), sha256=sha256, link=link or None
        )
    return files
