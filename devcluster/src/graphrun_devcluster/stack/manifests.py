"""The manifests of what a development cluster runs beside graphrun, filled in."""

from pathlib import Path
from string import Template

from graphrun_devcluster.stack import names

FOLDER = Path(__file__).resolve().parents[3] / "manifests"


def dependencies(postgres_image: str, s3_image: str) -> str:
    """Return Postgres and the S3 server as YAML documents."""
    return _fill(
        "dependencies.yaml",
        postgres_image=postgres_image,
        s3_image=s3_image,
        user=names.POSTGRES_USER,
        password=names.POSTGRES_PASSWORD,
        database=names.POSTGRES_DATABASE,
        bucket=names.S3_BUCKET,
        access_key=names.S3_ACCESS_KEY,
        secret_key=names.S3_SECRET_KEY,
    )


def project() -> str:
    """Return the demo project and its person as YAML documents."""
    return _fill("project.yaml", namespace=names.PROJECT, project=names.PROJECT, person=names.PERSON)


def _fill(file: str, **values: str) -> str:
    return Template((FOLDER / file).read_text()).substitute(values)
