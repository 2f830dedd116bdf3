"""What a run is: task, settings, messages, events, state, termination.

Nothing here acts. Read task, settings, message, state.
"""
