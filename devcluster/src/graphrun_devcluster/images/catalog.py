"""Which images there are, and the files that decide what is in each."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
"""The checkout: Dockerfiles, locks and members' sources lie in it."""


@dataclass(frozen=True)
class ImageSpec:
    """An image that can be built from this checkout.

    Attributes:
        name: its repository is ``localhost/graphrun-<name>``.
        dockerfile: path in the checkout.
        inputs: files and folders in the checkout, beside the Dockerfile, whose content decides the image.
        context: folder in the checkout that the Dockerfile copies from.
        lasting_stage: stage that outlives changes of source; built first and kept by a name of its own.
    """

    name: str
    dockerfile: str
    inputs: tuple[str, ...]
    context: str = "."
    lasting_stage: str = ""

    @property
    def repository(self) -> str:
        """Its reference without a tag."""
        return f"localhost/graphrun-{self.name}"


def _member(name: str) -> tuple[str, str]:
    return f"{name}/pyproject.toml", f"{name}/src"


CONTROL_PLANE = ImageSpec(
    name="control-plane",
    dockerfile="Dockerfile.operator",
    inputs=(
        "locks/build.txt",
        "locks/control-plane.txt",
        *_member("core"),
        *_member("checkpoints"),
        *_member("operator"),
        *_member("api"),
    ),
    lasting_stage="dependencies",
)
RUNNER = ImageSpec(
    name="runner",
    dockerfile="Dockerfile.runner",
    inputs=(
        "locks/build.txt",
        "locks/runner.txt",
        *_member("core"),
        *_member("checkpoints"),
        *_member("runner"),
    ),
    lasting_stage="dependencies",
)
POSTGRES = ImageSpec(
    name="postgres",
    dockerfile="devcluster/images/postgres/Dockerfile",
    inputs=("devcluster/images/postgres",),
    context="devcluster/images/postgres",
)
S3 = ImageSpec(
    name="s3",
    dockerfile="devcluster/images/s3/Dockerfile",
    inputs=("devcluster/images/s3",),
    context="devcluster/images/s3",
)

PRODUCT = (RUNNER, CONTROL_PLANE)
"""What the product consists of."""

DEPENDENCIES = (POSTGRES, S3)
"""What a development cluster runs beside it."""

ALL_IMAGES = (*PRODUCT, *DEPENDENCIES)
