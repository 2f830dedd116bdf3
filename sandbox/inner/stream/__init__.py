"""An agent behind one byte stream. Read frames, agent, programs, maker."""
