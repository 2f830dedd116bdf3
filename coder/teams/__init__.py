"""Teams say whose turn it is, by the state alone; strategies name them. Read round_robin, strategies."""
