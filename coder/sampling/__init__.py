"""Best of n: compare candidates by what they do on the same inputs, and select one. Read select, compare."""
