"""Processes inside: the server that forks runs, what becomes of a fork.

Read spawn_server, then execute.
"""
