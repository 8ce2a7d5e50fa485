"""What can go wrong with checkpoints. `retryable` tells whether the same call may succeed later."""

from graphrun_core.errors import GraphrunError


class CheckpointError(GraphrunError):
    """A checkpoint could not be stored or read."""

    retryable = False


class FenceLost(CheckpointError):
    """Another process has taken over this thread; nothing that this one writes counts any more."""


class StorageUnavailable(CheckpointError):
    """Object storage did not answer within the retry limit."""

    retryable = True


class StorageRefused(CheckpointError):
    """Object storage refused the request: wrong credentials, missing rights or a missing bucket."""


class MisconfiguredStore(CheckpointError):
    """The store or its settings cannot keep checkpoints safely."""


class CorruptObject(CheckpointError):
    """A stored object does not match its digest, or cannot be decoded."""


class UnsupportedFormat(CheckpointError):
    """A stored object was written by a newer version of graphrun."""


class SerializationFailed(CheckpointError):
    """A value of the graph's state cannot be stored."""


class CheckpointConflict(CheckpointError):
    """An object with other content already has this key; stored checkpoints are never overwritten."""


class InvalidCheckpoint(CheckpointError):
    """The saver was given a thread, namespace or checkpoint that it cannot name."""


class SaverClosed(CheckpointError):
    """The saver was closed; make a new one."""
