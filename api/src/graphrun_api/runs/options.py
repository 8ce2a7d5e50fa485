"""What a run may be told beside its input. The bounds are those of the resource, told by the names that clients use."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from graphrun_api.web.parameters import WHOLE, Labels

Json = dict[str, Any]
_Clock = Annotated[int, Field(ge=1, le=31_536_000), WHOLE]
_Pause = Annotated[int, Field(ge=0, le=86_400), WHOLE]
_Count = Annotated[int, Field(ge=0, le=1000), WHOLE]
_QUANTITY: Final = r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
_LONGEST_QUANTITY: Final = 32
_LARGEST_NUMBER: Final = 2**53
_AMOUNT: Final[Json] = {
    "anyOf": [
        {"type": "string", "pattern": f"^{_QUANTITY}$", "maxLength": _LONGEST_QUANTITY},
        {"type": "integer", "minimum": 0, "maximum": _LARGEST_NUMBER},
    ]
}


def _amount(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """A quantity as it was written; in one go, for of two kinds pydantic would tell two errors."""
    if isinstance(value, float) and value.is_integer():
        return _amount(int(value))
    if isinstance(value, str):
        is_fine = len(value) <= _LONGEST_QUANTITY and re.fullmatch(_QUANTITY, value) is not None
    else:
        is_fine = type(value) is int and 0 <= value <= _LARGEST_NUMBER
    if not is_fine:
        message = "write a quantity that is not negative, for example 500m, 2 or 1Gi"
        raise ValueError(message)
    return value


_Amount = Annotated[str | int, PlainValidator(_amount), WithJsonSchema(_AMOUNT)]
_Amounts = Annotated[dict[str, _Amount], Field(max_length=16)]


class Body(BaseModel):
    """What people send: unknown fields are refused, so that a slip of the pen is noticed."""

    model_config = ConfigDict(extra="forbid")


class Timeouts(Body):
    """Clocks in seconds; null means no limit."""

    start_seconds: Annotated[
        _Clock | None,
        Field(description="from acceptance to the start of the graph's process; 300 by default"),
    ] = None
    active_seconds: Annotated[
        _Clock | None, Field(description="time at work, without pauses; no limit by default")
    ] = None
    total_seconds: Annotated[
        _Clock | None, Field(description="from start to end, pauses included; no limit by default")
    ] = None


class Retries(Body):
    """Further attempts after lost pods, crashes and, where asked for, graph errors."""

    limit: Annotated[
        _Count | None, Field(description="how many further attempts failures may cause; 3 by default")
    ] = None
    backoff_seconds: Annotated[
        _Pause | None, Field(description="wait before a further attempt; 10 by default")
    ] = None
    on_node_lost: Annotated[
        Literal["Restart", "Wait"] | None,
        Field(
            description="start anew elsewhere at once (default), or wait until the node is back or removed"
        ),
    ] = None
    on_graph_error: Annotated[
        _Count | None,
        Field(description="how many further attempts errors of the graph may cause; 0 by default"),
    ] = None


class PauseOptions(Body):
    """How long the superstep under way may take once a pause is asked for, and what follows then."""

    deadline_seconds: Annotated[
        _Pause | None, Field(description="seconds that nodes under way get; 30 by default")
    ] = None
    on_deadline: Annotated[
        Literal["Wait", "Interrupt"] | None,
        Field(description="wait on for them (default), or stop them: they are done again after the resume"),
    ] = None


class ResourceAmounts(Body):
    """Requests and limits as Kubernetes quantities."""

    requests: _Amounts = Field(
        default={}, description="by resource, such as cpu and memory; 100m CPU and 256Mi by default"
    )
    limits: _Amounts = Field(default={}, description="by resource; 1Gi of memory by default")


class Toleration(Body):
    """Nodes that the pod may go to, as in a pod's spec."""

    key: str | None = Field(
        default=None, max_length=253, description="of the taint; left out, of every taint"
    )
    operator: Literal["Exists", "Equal"] | None = Field(
        default=None, description="whether the taint's value counts: Equal by default"
    )
    value: str | None = Field(default=None, max_length=63, description="of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="of the taint; left out, of every effect"
    )
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000), WHOLE] | None = Field(
        default=None, alias="tolerationSeconds", description="how long, with NoExecute; for ever by default"
    )


class Config(Body):
    """The part of LangGraph's RunnableConfig that a run may set."""

    recursion_limit: Annotated[
        Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None,
        Field(description="supersteps at most; 10000 by default"),
    ] = None
    tags: Annotated[
        Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=32)] | None,
        Field(description="passed on to LangGraph's callbacks"),
    ] = None
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
        Annotated[int, Field(ge=0, le=315_360_000), WHOLE] | None,
        Field(
            description="the resource is deleted so long after the end; 604800 by default. Its history stays"
        ),
    ] = None
    node_selector: Annotated[
        Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32)] | None,
        Field(description="labels that a node must have"),
    ] = None
    tolerations: Annotated[
        Annotated[list[Toleration], Field(max_length=32)] | None,
        Field(description="of the pod, as Kubernetes has them"),
    ] = None
    priority_class_name: Annotated[
        Annotated[str, Field(max_length=253)] | None,
        Field(description="PriorityClass of the pods; runs that wait are ordered by it"),
    ] = None
    queue_name: Annotated[
        Annotated[str, Field(max_length=63)] | None, Field(description="Kueue's LocalQueue")
    ] = None
    config: Annotated[Config | None, Field(description="LangGraph's config")] = None
    context: Annotated[
        Json | None,
        Field(description="LangGraph's context, for graphs with a context schema; 64 KiB at most"),
    ] = None
    labels: Annotated[
        Labels | None, Field(description="of the run; lists of runs can be filtered by them")
    ] = None
    revision: Annotated[
        Annotated[str, Field(max_length=63)] | None,
        Field(description="a frozen revision of the workflow to run instead of the present one"),
    ] = None
