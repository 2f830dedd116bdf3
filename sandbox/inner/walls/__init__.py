"""The inner wall: a process confines itself by namespaces, limits, Landlock, seccomp. Read inner_walls."""
