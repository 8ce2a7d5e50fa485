"""The log of a pod that is still there, from its node."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.errors import ClusterRefused
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.errors import Invalid, Missing
from graphrun_core import names
from graphrun_core.resources import Metadata

# The node has the log at hand; while it is followed it may well be silent.
_SILENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class LogQuery:
    """Which part of which log: None is the latest attempt, and every line."""

    attempt: int | None = None
    tail: int | None = None
    follow: bool = False


@dataclass(frozen=True)
class AttemptPod:
    """An attempt, and the pod that ran it."""

    namespace: str
    run: str
    attempt: int
    pod: str


class PodLogs:
    """Reads logs by the cluster's API."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def open(self, of: AttemptPod, query: LogQuery) -> AsyncGenerator[bytes, None] | None:
        """The log as it comes; with `follow` until the container ends. None where the pod has none (any more).

        Raises:
            ClusterUnavailable: the API server or the pod's node is out of reach; while reading too.
        """
        options = {"container": names.RUNNER_CONTAINER}
        if query.follow:
            options["follow"] = "true"
        if query.tail is not None:
            options["tailLines"] = str(query.tail)
        path = f"/api/v1/namespaces/{of.namespace}/pods/{of.pod}"
        try:
            if not _is_of(await self._cluster.get(path), of):
                return None
            silence = None if query.follow else _SILENCE_SECONDS
            pieces = self._cluster.pieces(f"{path}/log", options, silence)
            await anext(pieces)  # what is refused is refused now
        except (Missing, Invalid, ClusterRefused):
            return None
        return pieces


def _is_of(pod: dict[str, Any], of: AttemptPod) -> bool:
    """Whether the pod is the attempt's, not a namesake, and has come to a node: of others the log reads as empty."""
    labels = Metadata.model_validate(pod["metadata"]).labels
    belongs = labels.get(names.LABEL_RUN) == of.run and labels.get(names.LABEL_ATTEMPT) == str(of.attempt)
    return belongs and bool(pod["spec"].get("nodeName"))
