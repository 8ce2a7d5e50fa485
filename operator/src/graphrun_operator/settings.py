"""The operator's settings, read once from the environment."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
    metrics_port: int = Field(default=9090, ge=0, le=65535, description="Prometheus metrics; 0: none")
    health_port: int = Field(default=8082, ge=0, le=65535, description="GET /healthz; 0: none")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level logged"
    )
