"""What can go wrong with a development cluster; every message names the mend."""


class DevClusterError(Exception):
    """The development cluster cannot do what was asked."""


class MissingNeedError(DevClusterError):
    """The machine lacks something that only its owner can give (a package, a right, a kernel feature)."""


class BuildError(DevClusterError):
    """A component could not be built from its Go modules."""


class NotReadyError(DevClusterError):
    """A part of the cluster did not become ready in time; its log's tail is in the message."""
