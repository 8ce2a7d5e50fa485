"""The settings of the API program, read once from GRAPHRUN_* variables."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MigrationSettings(BaseModel):
    """What `python -m graphrun_api migrate` needs."""

    model_config = ConfigDict(frozen=True)

    log_level: str = Field(default="info", description="debug, info, warning or error")
    postgres_dsn: str = Field(min_length=1, description="postgresql://user:password@host:5432/database")


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

    history_events_seconds: int = Field(
        default=30 * 24 * 3600, ge=3600, description="seconds after a run's end for which its events are kept"
    )
    history_runs_seconds: int = Field(
        default=0,
        ge=0,
        description="seconds after a run's resource is gone for which the run stays in the history; 0: for ever",
    )
    history_tokens_seconds: int = Field(
        default=24 * 3600, ge=60, description="seconds for which token events are kept"
    )
    history_streams_seconds: int = Field(
        default=7 * 24 * 3600,
        ge=3600,
        description="seconds for which a project's stream can be gone on from a cursor",
    )

    cors_origins: str = Field(
        default="", description="origins of pages that may call and stream, separated by commas; * for any"
    )
    oidc_issuer: str = Field(
        default="", description="URL of an OpenID Connect issuer; empty: the cluster's own tokens alone"
    )
    oidc_audience: str = Field(default="", description="audience that its tokens must be for")
    oidc_username_claim: str = Field(default="sub", description="claim that names the user")
    oidc_username_prefix: str = Field(
        default="", description="put before it, as kube-apiserver's flag of that name does"
    )
    oidc_groups_claim: str = Field(default="groups", description="claim that names the groups")
    oidc_groups_prefix: str = Field(default="", description="put before each")

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

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`."""
        return tuple(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())

    @model_validator(mode="after")
    def _issuer_has_an_audience(self) -> Self:
        if self.oidc_issuer and not self.oidc_audience:
            message = "oidc_audience: name the audience that the issuer's tokens must be for"
            raise ValueError(message)
        return self
