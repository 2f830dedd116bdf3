"""The text of a task or message: which ones can be stored and sent to a model."""

from collections.abc import Collection
from typing import Any

from coder.base.errors import UsageError
from coder.base.text.usable import require_encodable
from coder.models.answer_parts import Image

MAX_PROMPT = 256 * 1024
"""Maximum characters of a prompt; no present model reads more."""


def require_prompt(text: str, pictures: Collection[Image] = ()) -> str:
    """Return the prompt of a task or message; pictures alone are a message, which this names in words.

    Raises UsageError if there is neither text nor a picture, or the text is too long or can't be encoded.
    """
    require_encodable(text, "The task")
    if len(text) > MAX_PROMPT:
        raise UsageError(
            f"The task is too long with {len(text):,} characters: at most {MAX_PROMPT:,} are read. "
            "Name files by PATH."
        )
    if text.strip():
        return text
    if not pictures:
        raise UsageError("The task is empty. Say in words what the code must do.")
    return "See the attachment." if len(pictures) == 1 else f"See the {len(pictures)} attachments."


def name_pictures(fields: Any) -> Any:  # noqa: ANN401 - as pydantic gives a task's fields
    """Return the fields of a task, with words for pictures that have no prompt beside them."""
    if isinstance(fields, dict) and fields.get("prompt", "") == "" and (images := fields.get("pictures")):
        return {**fields, "prompt": require_prompt("", images)}
    return fields
