"""What a participant may do in its turn: ask a model, logged before and after; ask the human; open a sandbox.

Read turn, logged_calls.
"""
