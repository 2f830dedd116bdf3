"""The judge: it decides about a sample where the sample's code can't reach."""
