"""What things are called on a development cluster, and the credentials that everyone may know."""

SYSTEM_NAMESPACE = "graphrun-system"
DEPENDENCIES_NAMESPACE = "graphrun-deps"

RELEASE = "graphrun"
CRDS_RELEASE = "graphrun-crds"

PROJECT = "demo"
"""Id of the demo project, and the name of its namespace."""

PERSON = "demo-user"
"""ServiceAccount in the demo project that stands for a person."""

POSTGRES_USER = "graphrun"
POSTGRES_PASSWORD = "graphrun-dev"  # noqa: S105 - a throw-away database on this machine
POSTGRES_DATABASE = "graphrun"
S3_BUCKET = "graphrun"
S3_ACCESS_KEY = "graphrun"
S3_SECRET_KEY = "graphrun-dev"  # noqa: S105 - a throw-away server on this machine
