"""Processes inside: the server that forks children, the program that one becomes, the reaper that ends it.

Read spawn_server, execute, reaper.
"""
