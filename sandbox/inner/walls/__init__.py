"""The inner wall: a process confines itself. Read inner_walls."""
