"""What every command needs: options, rendering, signals, the screen.

`benchmarks` uses it, too. Read options, then render.
"""
