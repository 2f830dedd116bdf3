"""`coder skills`: list the skills that a run may use, where each is from, and what was refused."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.config.skills import FILE_NAME, FOLDERS, Refusal, SkillList, own_skills, skills_of_repository
from coder.show.flags import Json
from coder.show.tables import Column, TextTable, print_blocks
from coder.workspace.folder import take_snapshot

_COLUMNS = (Column("skill", width=20, is_whole=True), Column("description", wraps=True), Column("from"))


def skills(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="The folder to work in (.).")] = None,
    json: Json = False,
) -> None:
    """List the skills of yours and of a folder, and what was refused, with the reason."""
    folder = path or Path()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}. Name a folder, or none for this one.")
    found = own_skills() + _of_folder(folder)
    if json:
        rows = [skill.model_dump() for skill in found.skills]
        refused = [{"path": refusal.path, "reason": refusal.reason} for refusal in found.refusals]
        typer.echo(json_format.dumps({"skills": rows, "refused": refused}, indent=2))
        return
    if found.skills:
        cells = [(skill.name, skill.description, one_line(skill.path)) for skill in found.skills]
        print_blocks([TextTable(_COLUMNS, cells)])
    else:
        where = f"{FOLDERS[0]}/NAME/{FILE_NAME} here or in your home folder"
        typer.echo(f"  · there are no skills: write {where}", err=True)
    for refusal in found.refusals:
        typer.echo(f"  ! {one_line(refusal.path)}: {one_line(refusal.reason, width=300)}", err=True)


def _of_folder(folder: Path) -> SkillList:
    snapshot = take_snapshot(folder)
    notes = [note.partition(": ") for note in snapshot.notes]
    left_out = tuple(Refusal(path, reason) for path, _, reason in notes if path.startswith(FOLDERS))
    texts = {path: file.text for path, file in snapshot.files.items()}
    return SkillList((), left_out) + skills_of_repository(texts)
