"""Given files of the tests that change while these run: the code may write what it is compared with."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from coder.run.verdict_words import join_names
from coder.verify.finding import Finding
from coder.verify.verification import Verification
from coder.workspace.overlay import links_among, workspace_files


async def without_changed_inputs(
    verification: Verification, files: Mapping[str, bytes], finding: Finding
) -> Finding:
    """Return a passed finding of the test command; failed if the run changed a given file of the tests.

    Files that the command writes without the change, too, don't count, as results of an earlier run.

    Args:
        files: what lay in the candidate's workspace before the run.
    """
    target, stored = verification.target, verification.state.files
    links = links_among(files, stored)
    given = {
        path: stored[path].digest
        for path in files.keys() & stored.keys() - links.keys()
        if stored[path].content == files[path]
    }
    changed = [
        path
        for path in sorted(await _changed(verification, given))
        if target.is_of_tests(path) or target.is_unclear(path) or target.is_support(path)
    ]
    if not changed:
        return finding
    # With other contents it shows whether the command writes a file, even if always the same.
    others = {path: files[path] + b"\n" for path in changed}
    await verification.lay({**workspace_files(verification.state, {}), **others})
    await verification.run_command(is_shown=False)
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in others.items()}
    changed = sorted({*changed} - await _changed(verification, digests))
    if not changed:
        return finding
    note = f"The code under test changes files of the tests while they run: {join_names(changed)}"
    return replace(finding, passed=False, note=note)


async def _changed(verification: Verification, digests: Mapping[str, str]) -> set[str]:
    """Return which of these files have other contents, by SHA-256, in the candidate's workspace."""
    manifest = await (await verification.bench.candidate()).manifest()
    return {path for path, digest in digests.items() if manifest.get(path) != digest}
