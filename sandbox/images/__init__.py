"""Make the image that the Docker backend runs its programs in. Read build_image."""
