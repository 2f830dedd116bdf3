"""From a model's answer to changed files: whole files, search/replace, unified diffs, apply_patch."""
