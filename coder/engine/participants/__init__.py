"""Participants take turns: planner, coder, executor and others. Read participant, coder, executor."""
