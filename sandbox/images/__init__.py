"""Make the image that the Docker backend runs its programs in. Read build_image."""

from sandbox.docker.engine import IMAGE
from sandbox.images.base import DEBIAN_BASE, connect, make_debian_base
from sandbox.images.build_image import DEFAULT_BASE, PACKAGES, Recipe, build_image

__all__ = [
    "DEBIAN_BASE",
    "DEFAULT_BASE",
    "IMAGE",
    "PACKAGES",
    "Recipe",
    "build_image",
    "connect",
    "make_debian_base",
]
