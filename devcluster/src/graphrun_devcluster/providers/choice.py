"""Which kind of cluster: ``GRAPHRUN_CLUSTER``, else kind where a Docker engine answers, else local."""

import os
from collections.abc import Mapping
from enum import StrEnum

from graphrun_devcluster.docker import docker_answers
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.current import CurrentCluster
from graphrun_devcluster.providers.kind import KindCluster
from graphrun_devcluster.providers.local.cluster import LocalCluster
from graphrun_devcluster.providers.provider import Cluster

DEFAULT_NAME = "graphrun"
"""Name of the cluster when nobody gives one."""


def wanted_nodes(environ: Mapping[str, str] | None = None) -> int | None:
    """Return how many nodes ``GRAPHRUN_NODES`` asks for; None when it asks for nothing.

    Raises:
        DevClusterError: it is no number.
    """
    text = (os.environ if environ is None else environ).get("GRAPHRUN_NODES", "")
    if text and not text.isdecimal():
        raise DevClusterError(f"GRAPHRUN_NODES={text}: give a number of nodes, such as 2")
    return int(text) if text else None


class Provider(StrEnum):
    """A kind of development cluster."""

    CURRENT = "current"
    KIND = "kind"
    LOCAL = "local"


def choose_cluster(name: str, progress: Progress, environ: Mapping[str, str] | None = None) -> Cluster:
    """Return the cluster `name` of the kind that the environment names, or that works here.

    Raises:
        DevClusterError: ``GRAPHRUN_CLUSTER`` or a variable that belongs to it is wrong.
    """
    variables = os.environ if environ is None else environ
    match choose_provider(variables.get("GRAPHRUN_CLUSTER", "")):
        case Provider.CURRENT:
            return CurrentCluster(variables.get("GRAPHRUN_KUBECONFIG", ""), progress)
        case Provider.KIND:
            return KindCluster(name, progress)
        case Provider.LOCAL:
            return LocalCluster(name, progress)


def choose_provider(wanted: str) -> Provider:
    """Return the provider called `wanted`; for an empty text, the first one that works here.

    Raises:
        DevClusterError: there is no such provider.
    """
    if wanted:
        try:
            return Provider(wanted)
        except ValueError:
            choices = ", ".join(Provider)
            raise DevClusterError(f"GRAPHRUN_CLUSTER={wanted}: choose one of {choices}") from None
    return Provider.KIND if docker_answers() else Provider.LOCAL
