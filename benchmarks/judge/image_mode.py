"""How a case in an image is judged: as other repositories, once its modules are seen to be the patched."""

from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.image_cases import Place
from benchmarks.judge.imported import found_elsewhere
from benchmarks.judge.isolated_check import top_modules
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused, touched

_TEST_TOOL = ("pytest", "_pytest")


async def find_image_mode(place: Place) -> RepositoryMode:
    """The strongest way in which the case's own patch passes, on a copy of the tree that lies in its image.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    try:
        reason = await _not_the_copy(place)
    except PatchRefused as error:
        reason = f"the case's own patch doesn't fit: {error}"
    if reason is not None:
        return RepositoryMode(how="broken", reason=reason)
    mode = await find_repository_mode(place.sandbox, place.opened, place.case)
    if mode.how == "broken" and place.left_out:
        some = f"{len(place.left_out):,} links and the like of its tree were left out: {place.left_out[0]}"
        return mode.model_copy(update={"reason": f"{mode.reason} ({some})"})
    return mode


async def _not_the_copy(place: Place) -> str | None:
    """Why tests would not see the patched tree, where the image has its packages installed from its own."""
    case = place.case
    files = gold_tree(case)
    names = top_modules(files, case.pythonpath)
    tool = next((name for name in _TEST_TOOL if name in names), None)
    if tool is not None:
        return f"it is a change of {tool}, which runs the tests here"
    elsewhere = await found_elsewhere(
        place.sandbox, files, names, roots=[".", case.pythonpath], environment=case.environment
    )
    patched = _patched_modules(case)
    for name, where in elsewhere.items():
        if name in patched or (case.tree is not None and where.startswith(f"{case.tree}/")):
            return f"{name} is imported from {where or 'nowhere'}, and not from the patched tree"
    return None


def _patched_modules(case: RepositoryCase) -> set[str]:
    """Modules and packages that the case's own patch changes; not folders without an `__init__.py`."""
    changed = touched(case.gold_patch or "") & case.files.keys()
    roots = ("", f"{case.pythonpath}/")
    return {
        name
        for name in top_modules(dict.fromkeys(changed, b""), case.pythonpath)
        if any(f"{root}{name}{end}" in case.files for root in roots for end in (".py", "/__init__.py"))
    }
