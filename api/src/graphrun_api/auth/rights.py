"""What someone may, by the cluster's SubjectAccessReview: exactly what `kubectl auth can-i` says."""

from dataclasses import dataclass
from typing import Final

from graphrun_api.auth.expiring import ExpiringAnswers, Kept
from graphrun_api.auth.tokens import Identity
from graphrun_api.kube.cluster import Cluster
from graphrun_core import names

_PATH: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_KEEP_ALLOWED: Final = 10.0
_KEEP_DENIED: Final = 2.0


@dataclass(frozen=True)
class Right:
    """One verb on one resource of ours in one namespace; `name` narrows it to one object.

    A subresource is written as roles write it: `workflowruns/log`.
    """

    verb: str
    resource: str
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        resource, _, subresource = self.resource.partition("/")
        of = f"{resource}.{names.GROUP}{'/' + self.name if self.name else ''}"
        part = f", subresource {subresource}," if subresource else ""
        return f"{self.verb} {of}{part} in namespace {self.namespace}"


class Rights:
    """Reviews of rights."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: ExpiringAnswers[tuple[Identity, Right], bool] = ExpiringAnswers()

    async def allowed(self, who: Identity, right: Right) -> bool:
        """Whether `who` has it for all objects or, where `right` has a name, for this one."""
        general = Right(right.verb, right.resource, right.namespace)
        if await self._ask(who, general):
            return True
        return bool(right.name) and await self._ask(who, right)

    async def sees(self, who: Identity, namespace: str) -> bool:
        """Whether `who` may read anything of ours there, so that its existence is no secret."""
        readable = [Right("list", names.WORKFLOW_RUNS, namespace), Right("list", names.WORKFLOWS, namespace)]
        return any([await self.allowed(who, right) for right in readable])

    async def _ask(self, who: Identity, right: Right) -> bool:
        return await self._known.get((who, right), lambda: self._review(who, right))

    async def _review(self, who: Identity, right: Right) -> Kept[bool]:
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "group": names.GROUP,
            "resource": resource,
            "subresource": subresource,
            "verb": right.verb,
            "namespace": right.namespace,
            "name": right.name,
        }
        spec = {
            "user": who.username,
            "uid": who.uid,
            "groups": list(who.groups),
            "extra": {key: list(values) for key, values in who.extra.items()},
            "resourceAttributes": {key: value for key, value in attributes.items() if value},
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        status = (await self._cluster.create(_PATH, body)).get("status") or {}
        allowed = bool(status.get("allowed"))
        return Kept(allowed, _KEEP_ALLOWED if allowed else _KEEP_DENIED)
