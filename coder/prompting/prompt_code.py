"""Given: what an answer takes for granted, such as what a prompt that is source brings along."""

from collections.abc import Mapping

from coder.models.size import goes_on
from coder.run.state import State
from coder.run.target import DEFAULT_PATH, Target
from coder.source.completion import finished, missing_function, outline
from coder.source.python_names import defined_names, free_names, parse_source


def with_givens(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """The files of an answer, the target's with imports and helpers of the prompt that it uses and lacks.

    What a small model wrote until it was cut off is cut back to where it still was whole. Without a folder
    the only file of an answer is the target, whatever the model calls it.
    """
    files = _named(files, state, target)
    source = files.get(target.path)
    name = missing_function(state.task.prompt, target.names)
    if source is None or name is None or state.files:
        return dict(files)
    if goes_on(state.model) and parse_source(source) is None:
        shorter = finished(source)
        source = shorter if name in defined_names(shorter) else source
    known = outline(state.task.prompt, name)
    if known is not None and set(free_names(source)) & defined_names(known.before):
        source = f"{known.before.rstrip()}\n\n\n{source}"
    return {**files, target.path: source}


def _named(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    texts = [text for path, text in files.items() if text is not None and path.endswith(".py")]
    is_free = target.path == DEFAULT_PATH and state.task.workspace is None and not state.task.test_command
    if not is_free or state.files or target.path in files or len(files) != 1 or not texts:
        return dict(files)
    return {target.path: texts[0]} if set(target.names) <= defined_names(texts[0]) else dict(files)
