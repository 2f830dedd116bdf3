"""Who answers: endpoints, recordings, the embedded model. Read model, find_model, chat_completions.

`resolve` turns what the user named into a Choice, `open_model` opens it. Each name below loads its own module
when it is first used; the HTTP client is loaded by the first call, or earlier in a thread by `warm`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.models.chat_completions import ChatModel
    from coder.models.endpoint import Endpoint, Patience
    from coder.models.find_model import Choice, resolve
    from coder.models.local import LocalModel
    from coder.models.model import (
        Answer,
        ChatMessage,
        Form,
        Image,
        Model,
        OnRetry,
        Retry,
        Sampling,
        Switch,
        ToolCall,
        ToolSpec,
        Usage,
    )
    from coder.models.providers import Provider, found_endpoints
    from coder.models.recorded import Recorded
    from coder.models.recorder import Recorder
    from coder.models.roles import open_model, warm
    from coder.models.scripted import Scripted

__all__ = [
    "Answer",
    "ChatMessage",
    "ChatModel",
    "Choice",
    "Endpoint",
    "Form",
    "Image",
    "LocalModel",
    "Model",
    "OnRetry",
    "Patience",
    "Provider",
    "Recorded",
    "Recorder",
    "Retry",
    "Sampling",
    "Scripted",
    "Switch",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "found_endpoints",
    "open_model",
    "resolve",
    "warm",
]

_HOMES = {
    "chat_completions": ("ChatModel",),
    "find_model": ("Choice", "resolve"),
    "endpoint": ("Endpoint", "Patience"),
    "local": ("LocalModel",),
    "model": (
        "Answer",
        "ChatMessage",
        "Form",
        "Image",
        "Model",
        "OnRetry",
        "Retry",
        "Sampling",
        "Switch",
        "ToolCall",
        "ToolSpec",
        "Usage",
    ),
    "roles": ("open_model", "warm"),
    "providers": ("Provider", "found_endpoints"),
    "recorded": ("Recorded",),
    "recorder": ("Recorder",),
    "scripted": ("Scripted",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
