"""Make the image that the Docker backend runs its programs in. Read build_image."""

from sandbox.docker.image import IMAGE
from sandbox.images.build_image import DEFAULT_BASE, PACKAGES, Recipe, build_image
from sandbox.images.debian import DEBIAN_BASE, make_debian_base
from sandbox.images.image_engine import connect

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
