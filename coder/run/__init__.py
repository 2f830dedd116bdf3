"""Runs: task, settings, messages, events, the state folded from events, and the conditions to end.

Nothing here calls a model or opens a sandbox. Read task, settings, message, state.
"""
