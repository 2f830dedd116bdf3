"""The commands of `coder`, a file each; they print results and exit codes. Read main, solve, solve_run."""
