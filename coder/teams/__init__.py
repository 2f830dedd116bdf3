"""Teams: a pure rule for who speaks next, and strategies by name. Read round_robin, then strategies."""
