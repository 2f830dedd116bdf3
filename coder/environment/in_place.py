"""Check that a run can work in place: in the user's folder itself, inside a container."""

from coder.base.errors import UsageError
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox import BackendMissing

_BACKENDS = ("auto", "container")


def require_in_place(task: Task, settings: Settings) -> Settings:
    """Check that a run can work in place; return its settings with the strategy that works in place.

    Raises:
        UsageError: this process isn't in a container, or an option contradicts working in place.
    """
    if settings.sandbox not in _BACKENDS:
        raise UsageError(
            f"--in-place works by the sandbox container, not by {settings.sandbox}. Leave --sandbox out."
        )
    if task.workspace is None or not task.workspace.exists():
        raise UsageError("--in-place needs an existing folder to work in: name it as PATH, such as a dot.")
    if settings.strategy not in (None, "auto", "act"):
        raise UsageError(f"--in-place is for a model that acts, not for --strategy {settings.strategy}.")
    if settings.budget.samples > 1 and "samples" in settings.budget.model_fields_set:
        raise UsageError("--in-place has one folder, and --samples makes several attempts. Leave it out.")
    if settings.chat or settings.commits or not settings.apply:
        raise UsageError(
            "--in-place leaves the folder as the model leaves it, and can't be combined with a chat, "
            "--commit, --branch or --no-apply."
        )
    from sandbox.backends.container import require_container

    try:
        require_container()
    except BackendMissing as error:
        raise UsageError(
            f"--in-place lets the model change everything that you can change. {error} "
            "Or leave --in-place out: the model then works on a copy."
        ) from error
    return settings.model_copy(update={"strategy": "act"}) if settings.team is None else settings
