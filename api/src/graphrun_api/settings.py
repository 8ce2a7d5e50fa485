"""The settings of the API program, read once from GRAPHRUN_* variables."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Every setting with its unit and its meaning."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - a pod is reached from outside it
    port: int = Field(
        default=8080, ge=0, le=65535, description="port of REST and streams; 0 takes a free one"
    )
    runner_port: int = Field(default=8081, ge=0, le=65535, description="port of the runner protocol")
    log_level: str = Field(default="info", description="debug, info, warning or error")

    postgres_dsn: str = Field(min_length=1, description="postgresql://user:password@host:5432/database")
    postgres_pool_size: int = Field(default=10, ge=2, description="connections of one replica, at most")

    storage_endpoint: str = Field(
        min_length=1, description="http(s)://host:port of the S3-compatible storage"
    )
    storage_bucket: str = Field(min_length=1, description="bucket for checkpoints, large inputs and outputs")
    storage_prefix: str = Field(
        default="graphrun", description="key prefix in the bucket, without slashes at its ends"
    )
    storage_region: str = Field(default="us-east-1", description="region of the bucket")
    storage_access_key: str = Field(
        min_length=1, description="access key, also given to runners with their claim"
    )
    storage_secret_key: str = Field(min_length=1, repr=False, description="secret key of the access key")
    storage_retention_seconds: int = Field(
        default=7 * 24 * 3600,
        ge=0,
        description="seconds after a run's resource is gone until its checkpoints, outputs and input are removed",
    )
