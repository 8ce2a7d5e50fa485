"""What can go wrong in the API, in its own words. No error knows HTTP: `web.problems` maps them."""

from collections.abc import Sequence
from dataclasses import dataclass

from graphrun_core.errors import GraphrunError


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong with what a person sent; `field` is a dotted path, empty for the whole."""

    field: str
    message: str


class ApiError(GraphrunError):
    """The request cannot be answered."""

    def __init__(self, message: str = "", *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


# --- who asks
class NotAuthenticated(ApiError):
    """A bearer token is needed: send 'Authorization: Bearer <token>'."""


class IssuerUnavailable(ApiError):
    """The issuer of tokens is out of reach; try again."""


class RightMissing(ApiError):
    """The right for this is missing."""


class OriginRefused(ApiError):
    """Pages of this site may not do this."""


# --- what is asked for
class NotFound(ApiError):
    """There is no such thing."""


class ProjectNotFound(NotFound):
    """There is no such project, or you have no rights in it."""


class WorkflowNotFound(NotFound):
    """There is no such workflow in this project."""


class RunNotFound(NotFound):
    """There is no such run in this project."""


class OutputNotFound(NotFound):
    """The run has no output."""


class RangeUnsatisfiable(ApiError):
    """The Range begins behind the end."""


class LogNotFound(NotFound):
    """The attempt has no log."""


class GraphNotFound(NotFound):
    """The workflow's graph is not known yet."""


class CheckpointNotFound(NotFound):
    """The run has no such checkpoint."""


class CheckpointDamaged(ApiError):
    """The stored checkpoint cannot be read."""


class EventsExpired(ApiError):
    """The run ended so long ago that its events are not kept any more."""


class AlreadyThere(ApiError):
    """Something of this name exists already."""


# --- what was sent
class BodyMalformed(ApiError):
    """The request's body is no JSON."""


class MediaTypeWrong(ApiError):
    """The body was not sent as JSON; send it with Content-Type: application/json."""


class BodyInvalid(ApiError):
    """The request breaks a rule."""


class BodyTooLarge(ApiError):
    """The request's body is too large."""


class InputInvalid(ApiError):
    """input_data breaks the workflow's inputSchema."""


class CursorInvalid(ApiError):
    """The cursor is not one that this list gave out; start again without it."""


class KeyReused(ApiError):
    """This Idempotency-Key was used for another request; send a new one."""


# --- what the run's state allows
class VerbRefused(ApiError):
    """The run's state does not allow this."""


class AlreadyCompleted(ApiError):
    """The run has completed; create a new one."""


class NotFinished(ApiError):
    """The run has not ended."""


class PreconditionFailed(ApiError):
    """The object is not any more as If-Match says; read it anew, and decide again."""


class SourceGone(ApiError):
    """The run's resource is gone, and with it what a fork begins from; create a new run."""


class StaleView(ApiError):
    """The run kept changing while this was being decided; try again."""


# --- what the API depends on
class ClusterUnavailable(ApiError):
    """The Kubernetes API server is out of reach; try again."""


class ClusterRefused(ApiError):
    """The cluster refuses this."""


class HistoryUnavailable(ApiError):
    """The history is out of reach at present; what runs goes on, try again."""


class StorageUnavailable(ApiError):
    """Object storage is out of reach; try again."""


# --- runners
class BindingRefused(ApiError):
    """The token's pod does not belong to a run."""


class Superseded(ApiError):
    """This pod does not hold the run's current attempt; stop."""


class ClaimRefused(ApiError):
    """Nothing may run in this pod."""

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message)
        self.state = state
