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

    start_seconds: _Clock | None = None
    active_seconds: _Clock | None = None
    total_seconds: _Clock | None = None


class Retries(Body):
    """Further attempts after lost pods, crashes and, where asked for, graph errors."""

    limit: _Count | None = None
    backoff_seconds: _Pause | None = None
    on_node_lost: Literal["Restart", "Wait"] | None = None
    on_graph_error: _Count | None = None


class PauseOptions(Body):
    """How long the superstep under way may take once a pause is asked for, and what follows then."""

    deadline_seconds: _Pause | None = None
    on_deadline: Literal["Wait", "Interrupt"] | None = None


class ResourceAmounts(Body):
    """Requests and limits as Kubernetes quantities."""

    requests: _Amounts = {}
    limits: _Amounts = {}


class Toleration(Body):
    """Nodes that the pod may go to, as in a pod's spec."""

    key: str | None = Field(default=None, max_length=253)
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = Field(default=None, max_length=63)
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000), WHOLE] | None = Field(
        default=None, alias="tolerationSeconds"
    )


class Config(Body):
    """The part of LangGraph's RunnableConfig that a run may set."""

    recursion_limit: Annotated[int, Field(ge=1, le=10_000_000), WHOLE] | None = None
    tags: list[Annotated[str, Field(max_length=128)]] | None = Field(default=None, max_length=32)
    configurable: Json | None = None


class Options(Body):
    """Overrides of the workflow's defaults, LangGraph's config and context, labels, and a pinned revision."""

    timeouts: Timeouts | None = None
    retries: Retries | None = None
    pause: PauseOptions | None = None
    durability: Literal["async", "sync"] | None = None
    resources: ResourceAmounts | None = None
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=315_360_000), WHOLE] | None = None
    node_selector: dict[str, Annotated[str, Field(max_length=63)]] | None = Field(default=None, max_length=32)
    tolerations: list[Toleration] | None = Field(default=None, max_length=32)
    priority_class_name: str | None = Field(default=None, max_length=253)
    queue_name: str | None = Field(default=None, max_length=63)
    config: Config | None = None
    context: Json | None = None
    labels: Labels | None = None
    revision: str | None = Field(default=None, max_length=63)
