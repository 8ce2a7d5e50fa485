"""What a run may set for itself, over its workflow's defaults."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Body(BaseModel):
    """What people send: unknown fields are refused, so that a slip of the pen is noticed."""

    model_config = ConfigDict(extra="forbid")


class Timeouts(Body):
    """Clocks in seconds; null means no limit."""

    start_seconds: Annotated[
        int | None, Field(description="from acceptance to the start of the graph's process; 300 by default")
    ] = None
    active_seconds: Annotated[
        int | None, Field(description="time at work, without pauses; no limit by default")
    ] = None
    total_seconds: Annotated[
        int | None, Field(description="from start to end, pauses included; no limit by default")
    ] = None


class Retries(Body):
    """Further attempts after lost pods, crashes and, where asked for, graph errors."""

    limit: Annotated[
        int | None, Field(description="how many further attempts failures may cause; 3 by default")
    ] = None
    backoff_seconds: Annotated[
        int | None, Field(description="wait before a further attempt; 10 by default")
    ] = None
    on_node_lost: Annotated[
        Literal["Restart", "Wait"] | None,
        Field(
            description="start anew elsewhere at once (default), or wait until the node is back or removed"
        ),
    ] = None
    on_graph_error: Annotated[
        int | None, Field(description="how many further attempts errors of the graph may cause; 0 by default")
    ] = None


class PauseOptions(Body):
    """How long the superstep under way may take once a pause is asked for, and what follows then."""

    deadline_seconds: Annotated[
        int | None, Field(ge=0, le=86400, description="seconds that nodes under way get; 30 by default")
    ] = None
    on_deadline: Annotated[
        Literal["Wait", "Interrupt"] | None,
        Field(description="wait on for them (default), or stop them: they are done again after the resume"),
    ] = None


class ResourceAmounts(Body):
    """Requests and limits as Kubernetes quantities."""

    requests: dict[str, str | int] = Field(
        default={}, description="by resource, such as cpu and memory; 100m CPU and 256Mi by default"
    )
    limits: dict[str, str | int] = Field(default={}, description="by resource; 1Gi of memory by default")


class Config(Body):
    """The part of LangGraph's RunnableConfig that a run may set."""

    recursion_limit: Annotated[int | None, Field(description="supersteps at most; 10000 by default")] = None
    tags: Annotated[list[str] | None, Field(description="passed on to LangGraph's callbacks")] = None
    configurable: Annotated[Json | None, Field(description="what nodes find in `config`, by name")] = None


class Options(Body):
    """Overrides of the workflow's defaults, LangGraph's config and context, labels, and a pinned revision."""

    timeouts: Annotated[Timeouts | None, Field(description="clocks of the run")] = None
    retries: Annotated[Retries | None, Field(description="further attempts")] = None
    pause: Annotated[PauseOptions | None, Field(description="how pauses are made")] = None
    durability: Annotated[
        Literal["async", "sync"] | None,
        Field(description="whether a checkpoint is stored beside the next superstep (default) or before it"),
    ] = None
    resources: Annotated[ResourceAmounts | None, Field(description="of the graph's container")] = None
    ttl_seconds_after_finished: Annotated[
        int | None,
        Field(
            description="the resource is deleted so long after the end; 604800 by default. Its history stays"
        ),
    ] = None
    node_selector: Annotated[dict[str, str] | None, Field(description="labels that a node must have")] = None
    tolerations: Annotated[list[Json] | None, Field(description="of the pod, as Kubernetes has them")] = None
    priority_class_name: Annotated[
        str | None, Field(description="PriorityClass of the pods; runs that wait are ordered by it")
    ] = None
    queue_name: Annotated[str | None, Field(description="Kueue's LocalQueue")] = None
    config: Annotated[Config | None, Field(description="LangGraph's config")] = None
    context: Annotated[
        Json | None,
        Field(description="LangGraph's context, for graphs with a context schema; 64 KiB at most"),
    ] = None
    labels: Annotated[
        dict[str, str] | None, Field(description="of the run; lists of runs can be filtered by them")
    ] = None
    revision: Annotated[
        str | None, Field(description="a frozen revision of the workflow to run instead of the present one")
    ] = None
