"""One participant's turn: ask a model, with calls logged; ask the user; open a sandbox.

Read turn, logged_calls.
"""
