"""The records of a run's state, each with the handlers of the events that change it.

Read progress, spend, dialogue.
"""
