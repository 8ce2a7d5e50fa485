"""What can go wrong between the operator and the API server; the type says whether to try again."""

from graphrun_core.errors import GraphrunError


class OperatorError(GraphrunError):
    """The operator could not do something."""


class ClusterUnavailable(OperatorError):
    """The API server did not answer, or asked to be left alone for a while: try again later."""


class Conflict(OperatorError):
    """The object has changed since it was read: look again."""


class AlreadyExists(OperatorError):
    """An object of that name is there: look at it."""


class NameTaken(OperatorError):
    """Another object holds a name that is needed: wait until it is gone."""


class Unreadable(OperatorError):
    """An object is there in a form that this operator does not know."""


class NotFound(OperatorError):
    """The object is gone."""


class Refused(OperatorError):
    """The API server will not do this as it was asked: a person must mend something."""


class NotLeading(OperatorError):
    """This replica does not lead, or no longer surely: it may not write."""


class LeadershipLost(OperatorError):
    """Another replica leads, or may do so from now on: this process must end."""


class PassTooLong(OperatorError):
    """A pass over a run lasted too long and was cut: try again later."""


class JudgeBusy(OperatorError):
    """Too many inputs wait to be checked against their schemas: try again later."""
