"""Read single source files, manifests and command lines, without a repository.

Read python_names, languages.
"""
