"""What commands share, those of `benchmarks` too: options, help, screen, signals, failures in words.

Read options, screen, render.
"""
