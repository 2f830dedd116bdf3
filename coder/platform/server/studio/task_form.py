"""The page that begins a task: what the server offers to choose from, and the form's fields."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import model_validator

from coder.config.layers import load
from coder.config.task_file import split_command
from coder.engine.teams.named_team import team_names
from coder.platform.server.documents import RequestBody
from coder.platform.server.run_acts import NewRun, begin_run
from coder.platform.server.run_routes import Works
from coder.platform.server.serving import Serving
from coder.platform.server.studio.rendering import page
from coder.run.settings import Approved
from coder.show.known_models import known_models
from coder.show.run_choices import ChosenLimits, default_limits

_MAX_FOLDERS = 200
"""Number of folders that the page suggests."""


class TaskForm(RequestBody):
    """The fields of the form; empty ones are left out."""

    prompt: str
    folder: str = ""
    test: str = ""
    model: str | None = None
    team: str | None = None
    max_calls: int | None = None
    max_cost: str | None = None
    timeout: float | None = None
    landing: bool = False
    plan: bool = False
    tools: bool = False

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, fields: Any) -> Any:  # noqa: ANN401 - JSON of a browser
        return {name: text for name, text in fields.items() if text} if isinstance(fields, dict) else fields

    def new_run(self) -> NewRun:
        """Return the request that a program would send."""
        approvals: dict[Approved, bool] = {"plan": self.plan, "landing": self.landing, "tools": self.tools}
        limits = {"max_calls": self.max_calls, "max_cost": self.max_cost, "timeout": self.timeout}
        return NewRun(
            prompt=self.prompt,
            workspace=Path(self.folder) if self.folder else None,
            test_command=split_command(self.test or None),
            model=self.model,
            team=self.team,
            limits=ChosenLimits.model_validate(limits),
            approve=tuple(topic for topic, is_asked in approvals.items() if is_asked),
        )


def add_task_form(router: APIRouter, serving: Serving) -> None:
    """Add the page of a new task, and the address that its form is sent to."""

    @router.get("/new")
    async def new(caller: Works) -> Response:
        loaded = load()
        return page(
            "new",
            "New task",
            folders=[*folders_below(caller.root)],
            models=[*dict.fromkeys(known_models(loaded))],
            model=loaded.config.models().model,
            teams=team_names(loaded),
            limits=default_limits(loaded),
        )

    @router.post("/studio/new")
    async def begin(form: TaskForm, caller: Works) -> Response:
        return JSONResponse({"run_id": await begin_run(serving, caller, form.new_run())})


def folders_below(root: Path) -> Iterator[str]:
    """Yield the folders directly below a folder, and those of one more level, without hidden ones and links.

    At most 200 are yielded.
    """
    count = 0
    for parent in (root, *_folders_in(root)):
        for folder in _folders_in(parent):
            if (count := count + 1) > _MAX_FOLDERS:
                return
            yield folder.relative_to(root).as_posix()


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:  # others may own it
        return []
    return [folder / name for name in names if name.isprintable() and not name.startswith((".", "__"))]
