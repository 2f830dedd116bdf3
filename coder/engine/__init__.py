"""The agent: entry points, loop, teams, participants and their requests. Read loop, agent."""
