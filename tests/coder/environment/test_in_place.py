"""When a run may work in place."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.environment.in_place import require_in_place
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox.backends import container

TASK = Task(prompt="Mend it.", workspace=Path("/"))
IN_PLACE = Settings(in_place=True)


def test_outside_of_a_container_it_is_refused_with_the_reason_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CODER_UNSAFE_HOST", raising=False)
    monkeypatch.setattr(container, "is_container", lambda environment: False)

    with pytest.raises(UsageError, match="relies on a container around this process") as refusal:
        require_in_place(TASK, IN_PLACE)

    assert "leave --in-place out: the model then works on a copy" in str(refusal.value)
    assert refusal.value.exit_code == 2


@pytest.mark.usefixtures("allowed_host")
def test_in_a_container_the_model_acts() -> None:
    assert require_in_place(TASK, IN_PLACE).strategy == "act"


def test_without_a_folder_it_is_refused() -> None:
    with pytest.raises(UsageError, match="needs an existing folder to work in"):
        require_in_place(Task(prompt="Mend it."), IN_PLACE)
