"""Judge answers for training: service, reward function, HTTP routes. Start at service, rewarder, routes."""
