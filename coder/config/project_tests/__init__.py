"""How a project runs its tests, read from its own files: notes, CI files, manifests, scripts.

Read find.
"""
