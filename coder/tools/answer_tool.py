"""The tool `done` of a task with a schema, which takes the task's answer."""

from coder.models.model import JsonObject, ToolSpec
from coder.run.answer import nested_schema
from coder.tools.registry import DONE


def done_with_answer(schema: JsonObject) -> ToolSpec:
    """Return the tool `done` with the further argument `answer`, which fits a schema."""
    properties = DONE.parameters["properties"]
    assert isinstance(properties, dict)
    parameters = {
        **DONE.parameters,
        "properties": {"answer": nested_schema(schema, "answer"), **properties},
        "required": ["answer"],
    }
    description = f"{DONE.description} `answer` holds what the task asks for."
    return DONE.model_copy(update={"description": description, "parameters": parameters})
