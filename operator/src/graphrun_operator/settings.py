"""The operator's settings, read once from the environment."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Each field is the variable GRAPHRUN_<FIELD>."""

    model_config = ConfigDict(frozen=True)

    namespace: str = Field(default="graphrun-system", description="the operator's own namespace")
    runner_image: str = Field(description="image of runs whose Workflow names none")
    runner_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="pull policy of every runner container"
    )
    runner_api_url: str = Field(
        default="http://graphrun-runner-api.graphrun-system.svc:8081",
        description="where runners reach the API's runner port, as seen from their pods",
    )
    lease_name: str = Field(
        default="graphrun-operator", description="the Lease, in that namespace, whose holder leads"
    )
    lease_seconds: int = Field(
        default=15,
        ge=1,
        description="a lease that was not renewed for so long may be taken by another replica",
    )
    lease_renew_seconds: float = Field(
        default=10,
        gt=0,
        description="a leader that could not renew within this time ends; less than lease_seconds",
    )
    lease_retry_seconds: float = Field(default=2, gt=0, description="how often the lease is renewed")
    metrics_port: int = Field(default=9090, ge=0, le=65535, description="Prometheus metrics; 0: none")
    health_port: int = Field(default=8082, ge=0, le=65535, description="GET /healthz; 0: none")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level logged"
    )

    @model_validator(mode="after")
    def _lease_times_fit(self) -> Self:
        if not self.lease_retry_seconds < self.lease_renew_seconds < self.lease_seconds:
            message = "lease_retry_seconds < lease_renew_seconds < lease_seconds must hold"
            raise ValueError(message)
        return self
