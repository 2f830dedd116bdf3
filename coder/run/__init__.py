"""What a run is: task, settings, messages, events, the state folded of them, and when it ends.

Nothing here calls a model or opens a sandbox. Read task, settings, message, state.
"""
