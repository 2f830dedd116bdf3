"""Participants: planner, coder, executor and those of larger teams.

Read participant, coder, executor.
"""
