"""SessionFiles: the files of a session that an edit names, each read and written in its encoding."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from coder.base.text.editor_config import Charset, charset_among, config_paths
from coder.base.text.encodings import Unencodable, decoded, encoded_like, encoding_of
from coder.base.text.sanitize import as_bytes, as_text, is_binary
from coder.context.quoting import shown_path
from coder.edits import paths
from sandbox import FileRefused, Session


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """The existing files among those that an edit names."""

    stored: Mapping[str, str]
    """Their contents, as `as_text` returns them."""
    charset_of: Charset
    """Finds the codec of a path by `.editorconfig`."""

    @property
    def texts(self) -> dict[str, str | None]:
        """The readable texts; None marks a binary file."""
        texts = {path: decoded(text, self.charset_of(path)) for path, text in self.stored.items()}
        return {path: None if is_binary(text) else text for path, text in texts.items()}

    def contents(self, after: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Return edited texts in the encodings of their files. Raises ValueError: one lacks a character."""
        return {path: None if text is None else self._content(path, text) for path, text in after.items()}

    def _content(self, path: str, text: str) -> bytes:
        old, charset = self.stored.get(path), self.charset_of(path)
        encoding = encoding_of(old, charset) if old is not None else None
        try:
            return as_bytes(encoded_like(text, old and decoded(old, charset), encoding, charset))
        except Unencodable as error:
            raise ValueError(f"{shown_path(path)} wasn't changed: {error}.") from error


async def read_files(names: Iterable[str], session: Session) -> SessionFiles:
    """Return those of the files that exist.

    Raises:
        ValueError: a path is a folder or a link.
    """
    stored: dict[str, str] = {}
    wanted_paths = [name for name in dict.fromkeys(names) if paths.refusal(name) is None]
    for path in wanted_paths:
        folder, _, name = path.rpartition("/")
        kind = dict(await entries(folder, session)).get(name)
        if kind == "file":
            stored[path] = as_text(await session.read(path))
        elif kind is not None:
            raise ValueError(f"{shown_path(path)} is no file, but a {kind}.")
    configs: dict[str, str] = {}
    for config_path in dict.fromkeys(config for path in wanted_paths for config in config_paths(path)):
        with suppress(FileRefused):
            configs[config_path] = as_text(await session.read(config_path))
    return SessionFiles(stored, charset_among(configs))


async def entries(folder: str, session: Session) -> Sequence[tuple[str, str]]:
    """Return names and kinds of a folder's entries; empty for a missing folder."""
    try:
        return [(entry.name, entry.kind) for entry in await session.list(folder or ".")]
    except FileRefused:
        return []
