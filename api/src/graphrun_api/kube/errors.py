"""What the API server says, by its meaning for the caller."""

from graphrun_api.errors import ApiError


class Missing(ApiError):
    """The object does not exist."""


class AlreadyExists(ApiError):
    """An object of this name exists."""


class Conflict(ApiError):
    """The object has changed since it was read."""


class Invalid(ApiError):
    """The API server refuses the object; `fields` name what is wrong with it."""


class Gone(ApiError):
    """The resourceVersion is too old; list again."""
