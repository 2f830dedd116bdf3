"""Processes inside: the forking server, the program, the reaper. Read spawn_server, execute, reaper."""
