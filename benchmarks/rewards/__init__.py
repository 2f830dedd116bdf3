"""Judge answers for training: service, reward function, HTTP routes. Read service, rewarder, routes."""
