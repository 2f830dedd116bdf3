"""Build the images of a task's services from its files, or find them on the engine."""

from pathlib import Path

from benchmarks.harbor.compose.model import BuildOptions, ComposeFile
from benchmarks.harbor.image import ImageBuild, built_image, named_image
from sandbox.docker.engine import Engine


async def service_images(engine: Engine, compose: ComposeFile, *, timeout_s: float) -> dict[str, str]:
    """Return image ids by service name. A service can use the image that another service builds.

    Args:
        timeout_s: limit of each build.

    Raises:
        ImageNotBuilt: a build failed or took too long, or the engine lacks an image.
    """
    images, named = dict[str, str](), dict[str, str]()
    for name, service in compose.services.items():
        if service.build is not None:
            images[name] = await built_image(engine, _build_of(service.build), timeout_s=timeout_s)
            if service.image is not None:
                named[service.image] = images[name]
    for name, service in compose.services.items():
        if name not in images and service.image is not None:
            images[name] = named.get(service.image) or await named_image(engine, service.image)
    return images


def _build_of(build: BuildOptions) -> ImageBuild:
    args = {name: text for name, text in build.args.items() if text is not None}
    return ImageBuild(
        context=Path(build.context), dockerfile=build.dockerfile, args=args, target=build.target
    )
