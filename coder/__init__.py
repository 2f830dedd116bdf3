"""The loop: a task goes in, code comes out that passed its tests."""
