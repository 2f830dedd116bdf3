"""Open the model that was chosen, and close it whatever happens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from threading import Thread

from coder.models.endpoint import LOCAL_PATIENCE, Patience, patience_with
from coder.models.find_model import Choice
from coder.models.model import Model
from coder.models.sdk import load_sdk, load_transport
from coder.models.weights import EMBEDDED


@asynccontextmanager
async def open_model(choice: Choice, *, patience: Patience | None = None) -> AsyncIterator[Model]:
    """The chosen model; its connections and its process end with the context.

    Args:
        patience: how long an endpoint may take; None suits a hosted one or one on this machine.

    Raises:
        ModelError: from the model's own calls; opening makes none.
    """
    model = _model(choice, patience)
    try:
        yield model
    finally:
        await model.close()


def _model(choice: Choice, patience: Patience | None) -> Model:
    if choice.endpoint is not None:
        from coder.models.chat_completions import ChatModel

        return ChatModel(choice.endpoint, patience=patience or patience_with(choice.endpoint))
    if choice.weights is None:
        raise ValueError("a choice has an endpoint or weights")
    from coder.models.local import CONTEXT, EMBEDDED_CONTEXT, LocalModel

    context = EMBEDDED_CONTEXT if choice.name == f"local/{EMBEDDED}" else CONTEXT
    return LocalModel(choice.weights, name=choice.name, context=context, patience=patience or LOCAL_PATIENCE)


def warm() -> None:
    """Begin to import in a thread what the first call needs: 0.2 to 0.3 s that it needn't wait for."""
    Thread(target=_import_for_calls, daemon=True).start()


def _import_for_calls() -> None:
    load_sdk()
    load_transport()
    import_module("tenacity")
