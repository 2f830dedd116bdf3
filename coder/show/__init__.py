"""What commands share, those of `benchmarks` too: flags, help, screen, signals, failures in words.

Read flags, screen, render.
"""
