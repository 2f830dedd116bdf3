"""A file as the log keeps it: its content, or where that stays in its place, the hash."""

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


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
