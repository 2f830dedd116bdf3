"""Start the outer wall and the server; clean up after a dead owner. Read outer_wall, launch, keeper."""
