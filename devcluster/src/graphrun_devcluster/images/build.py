"""Builds what is missing: an image whose inputs did not change since its archive was written is left alone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from graphrun_devcluster.images.archives import Image, drop_old, image_at, mark_used
from graphrun_devcluster.images.base import base_image, ensure_base
from graphrun_devcluster.images.catalog import REPOSITORY, ImageSpec
from graphrun_devcluster.images.engines import Buildah, BuildRequest, Engine, choose_engine
from graphrun_devcluster.images.fingerprint import copy_inputs, fingerprint
from graphrun_devcluster.images.pip_settings import BuildSecrets, build_secrets
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.needs import ensure_packages
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress

AT_ONCE = 2
"""Builds side by side: half of a build is waiting for the network or for one thread."""


def ensure_images(specs: Sequence[ImageSpec], progress: Progress) -> list[Image]:
    """Build those of `specs` that the cache lacks, and return all of them, in their order.

    Raises:
        ImageBuildError: a build failed.
        MissingNeedError: the machine has nothing to build images with.
    """
    folder = cache_root() / "images"
    with exclusive(folder / ".lock"):
        engine = choose_engine()
        base = base_image(engine)
        images = [image_at(spec, fingerprint(spec, base, REPOSITORY), folder) for spec in specs]
        if not all(image.built for image in images):
            images = _build_missing(images, base, engine, progress)
        for image in images:
            mark_used(image)
    return images


def _build_missing(images: Sequence[Image], base: str, engine: Engine, progress: Progress) -> list[Image]:
    folder = images[0].archive.parent
    if isinstance(engine, Buildah):
        ensure_packages(["buildah"], progress)
    ensure_base(base, engine, progress)
    with TemporaryDirectory(dir=folder, prefix="context-") as context, build_secrets() as secrets:
        builder = _Builder(engine, base, Path(context), secrets, progress)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            built = list(pool.map(builder.ensure, images))
    old = [reference for image in images for reference in drop_old(image.spec, folder)]
    if old:
        engine.forget(old, folder / "logs" / "forget.log")
    return built


@dataclass(frozen=True)
class _Builder:
    """Builds from copies of the inputs, one folder for each image."""

    engine: Engine
    base: str
    contexts: Path
    secrets: BuildSecrets
    progress: Progress

    def ensure(self, wanted: Image) -> Image:
        """Build `wanted` unless it is there; the result has another tag if its inputs just changed."""
        if wanted.built:
            return wanted
        spec, context = wanted.spec, self.contexts / wanted.spec.name
        copy_inputs(spec, REPOSITORY, context)
        image = image_at(spec, fingerprint(spec, self.base, context), wanted.archive.parent)
        if not image.built:
            with self.progress.step(f"building image {image.reference}"):
                self._build(image, context)
            self.progress.note(f"image {image.reference}: {image.megabytes:.0f} MB")
        return image

    def _build(self, image: Image, context: Path) -> None:
        log = image.archive.parent / "logs" / f"{image.spec.name}.log"
        log.unlink(missing_ok=True)
        if image.spec.lasting_stage:
            kept = f"{image.spec.repository}-{image.spec.lasting_stage}:current"
            self.engine.build(self._request(image.spec, kept, context, image.spec.lasting_stage), log)
        self.engine.build(self._request(image.spec, image.reference, context), log)
        unfinished = Path(f"{image.archive}.{token_hex(4)}")
        try:
            self.engine.save(image.reference, unfinished, log)
            unfinished.rename(image.archive)
        finally:
            unfinished.unlink(missing_ok=True)

    def _request(self, spec: ImageSpec, reference: str, context: Path, stage: str = "") -> BuildRequest:
        return BuildRequest(
            reference=reference,
            dockerfile=context / spec.dockerfile,
            context=context / spec.context,
            arguments={"BASE_IMAGE": self.base, "VERSION": reference.rpartition(":")[2]},
            secrets=self.secrets.files,
            target=stage,
        )
