"""What a model is shown of a repository: named places, a map of the rest, and tools to look further.

Nothing here runs or imports the repository's code; what its files say is data.
"""
