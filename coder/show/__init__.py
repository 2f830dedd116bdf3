"""Parts shared by the commands, also of `benchmarks`: flags, help, screen, signals, error messages.

Read flags, screen, render.
"""
