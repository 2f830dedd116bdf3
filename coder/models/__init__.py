"""Who answers: endpoints, recordings, the embedded model."""
