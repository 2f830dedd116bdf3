"""Best of n: compare candidates by what they do, and select one. Read select."""
