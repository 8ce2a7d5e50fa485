"""The root of graphrun's errors, and those that several rooms raise.

Each room derives its own base from `GraphrunError`. An error's docstring is its default message;
what failed and how to mend it go into the message where it is raised. No error knows HTTP.
"""


class GraphrunError(Exception):
    """Something in graphrun went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class SettingsInvalid(GraphrunError):
    """The environment of this program is incomplete or wrong."""


class FieldInvalid(GraphrunError):
    """A value that a person gave breaks a rule; `field` is its path in dotted form."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
