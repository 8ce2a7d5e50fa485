"""What is to be installed: which images, and which Postgres and storage graphrun gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.images.archives import Image
from graphrun_devcluster.images.catalog import CONTROL_PLANE, POSTGRES, RUNNER, S3
from graphrun_devcluster.stack import names


@dataclass(frozen=True)
class Backing:
    """The outside systems that graphrun needs."""

    postgres_dsn: str
    storage_endpoint: str
    bucket: str
    access_key: str
    secret_key: str


IN_CLUSTER = Backing(
    postgres_dsn=(
        f"postgresql://{names.POSTGRES_USER}:{names.POSTGRES_PASSWORD}"
        f"@postgres.{names.DEPENDENCIES_NAMESPACE}.svc:5432/{names.POSTGRES_DATABASE}"
    ),
    storage_endpoint=f"http://s3.{names.DEPENDENCIES_NAMESPACE}.svc:8333",
    bucket=names.S3_BUCKET,
    access_key=names.S3_ACCESS_KEY,
    secret_key=names.S3_SECRET_KEY,
)
"""Those of ``devcluster/manifests/dependencies.yaml``."""


@dataclass(frozen=True)
class Plan:
    """An installation.

    Attributes:
        control_plane_image: reference with a tag.
        runner_image: reference with a tag.
        backing: what graphrun is told to use.
        dependencies: manifests to apply first; empty when Postgres and storage are there already.
    """

    control_plane_image: str
    runner_image: str
    backing: Backing
    dependencies: tuple[Image, Image] | None = None

    def values(self) -> dict[str, Any]:
        """Return the chart's values."""
        repository, _, tag = self.control_plane_image.rpartition(":")
        backing = self.backing
        return {
            "image": {"repository": repository, "tag": tag},
            "runner": {"image": self.runner_image},
            "postgres": {"dsn": backing.postgres_dsn},
            "storage": {
                "endpoint": backing.storage_endpoint,
                "bucket": backing.bucket,
                "accessKey": backing.access_key,
                "secretKey": backing.secret_key,
            },
        }


def plan_for_images(images: Sequence[Image]) -> Plan:
    """Return the plan for images that were built here and are loaded into the cluster."""
    by_name = {image.spec.name: image for image in images}
    return Plan(
        control_plane_image=by_name[CONTROL_PLANE.name].reference,
        runner_image=by_name[RUNNER.name].reference,
        backing=IN_CLUSTER,
        dependencies=(by_name[POSTGRES.name], by_name[S3.name]),
    )


def plan_from_environment(environ: Mapping[str, str]) -> Plan:
    """Return the plan for a cluster of somebody else's, which pulls its images from a registry.

    Raises:
        DevClusterError: a variable is missing, or an image has no tag.
    """
    control_plane = _require(
        environ, "GRAPHRUN_CONTROL_PLANE_IMAGE", "registry.example/graphrun-control-plane:1"
    )
    if ":" not in control_plane.rpartition("/")[2]:
        raise DevClusterError(
            f"GRAPHRUN_CONTROL_PLANE_IMAGE={control_plane}: add a tag, such as {control_plane}:1"
        )
    return Plan(
        control_plane_image=control_plane,
        runner_image=_require(environ, "GRAPHRUN_RUNNER_IMAGE", "registry.example/graphrun-runner:1"),
        backing=Backing(
            postgres_dsn=_require(
                environ, "GRAPHRUN_POSTGRES_DSN", "postgresql://user:password@host:5432/graphrun"
            ),
            storage_endpoint=_require(environ, "GRAPHRUN_STORAGE_ENDPOINT", "https://s3.example"),
            bucket=environ.get("GRAPHRUN_STORAGE_BUCKET") or names.S3_BUCKET,
            access_key=_require(environ, "GRAPHRUN_STORAGE_ACCESS_KEY", "..."),
            secret_key=_require(environ, "GRAPHRUN_STORAGE_SECRET_KEY", "..."),
        ),
    )


def _require(environ: Mapping[str, str], name: str, example: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise DevClusterError(f"GRAPHRUN_CLUSTER=current needs {name}, for example {name}={example}")
    return value
