"""Keep edited files in the encodings in which they were."""

from collections.abc import Mapping
from dataclasses import replace

from coder.base.text.encodings import Unencodable, encoded_like
from coder.edits.edit import Answered
from coder.run.stored_file import StoredFile, charsets


def in_their_encodings(edits: Answered, files: Mapping[str, StoredFile]) -> Answered:
    """Return edits with texts as their files' encodings have them, or the refusal of a character."""
    try:
        return replace(edits, files=_encoded(edits.files, files), apart=_encoded(edits.apart, files))
    except Unencodable as error:
        return Answered(problem=f"Nothing was written. {error}: write it in another way.", fits=False)


def _encoded(texts: Mapping[str, str | None], files: Mapping[str, StoredFile]) -> dict[str, str | None]:
    charset_of = charsets(files)
    return {
        path: None if text is None else _like(path, text, files.get(path, StoredFile()), charset_of(path))
        for path, text in texts.items()
    }


def _like(path: str, text: str, file: StoredFile, charset: str | None) -> str:
    try:
        return encoded_like(text, file.text, file.encoding, charset)
    except Unencodable as error:
        raise Unencodable(f"`{path}`: {error}") from error
