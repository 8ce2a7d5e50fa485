"""Which attempt of which run a runner's token stands for. From the token's review and the cluster, never from a body.

token ──TokenReview──▶ pod name, uid ──GET pod──▶ labels run, attempt, revision; controller Job `<run>-<attempt>`
──GET Job──▶ controller WorkflowRun, name and uid
"""

from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.expiring import ExpiringAnswers, Kept
from graphrun_api.auth.tokens import Identity, Tokens
from graphrun_api.errors import BindingRefused
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.errors import Missing
from graphrun_core import names
from graphrun_core.resources import Metadata, OwnerReference

Json = dict[str, Any]

# A pod's binding never changes while it lives; this bounds how long a token outlives its pod, in seconds.
_KEEP: Final = 60.0
_ACCOUNT: Final = "system:serviceaccount:"
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True)
class Binding:
    """A pod, and the attempt that it was made for."""

    namespace: str
    pod_name: str
    pod_uid: str
    run: str
    run_uid: str
    attempt: int
    revision: str


@dataclass(frozen=True)
class _Pod:
    namespace: str
    name: str
    uid: str


class Bindings:
    """Binds tokens, each asked for once a minute."""

    def __init__(self, cluster: Cluster, tokens: Tokens) -> None:
        self._cluster = cluster
        self._tokens = tokens
        self._known: ExpiringAnswers[_Pod, Binding] = ExpiringAnswers()

    async def of(self, token: str) -> Binding:
        """The token's binding.

        Raises:
            NotAuthenticated: the token is not valid for runners.
            BindingRefused: its pod is gone, or was not made by the operator for an attempt.
        """
        pod = _pod_of(await self._tokens.identify(token))
        return await self._known.get(pod, lambda: self._bind(pod))

    async def _bind(self, pod: _Pod) -> Kept[Binding]:
        manifest = await self._get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", "pod")
        meta = Metadata.model_validate(manifest["metadata"])
        if meta.uid != pod.uid:
            raise BindingRefused("the token belongs to an earlier pod of the same name")
        run, attempt = meta.labels.get(names.LABEL_RUN, ""), meta.labels.get(names.LABEL_ATTEMPT, "")
        job = _controller(meta, "Job")
        if not run or not attempt.isdigit() or job is None or job.name != names.job_name(run, int(attempt)):
            raise BindingRefused("the pod was not made for an attempt of a run")
        owner = await self._owner(pod.namespace, job)
        if owner.name != run:
            raise BindingRefused("the pod's Job belongs to another run")
        revision = meta.labels.get(names.LABEL_REVISION, "")
        bound = Binding(pod.namespace, pod.name, pod.uid, run, owner.uid, int(attempt), revision)
        return Kept(bound, _KEEP)

    async def _owner(self, namespace: str, job: OwnerReference) -> OwnerReference:
        manifest = await self._get(f"/apis/batch/v1/namespaces/{namespace}/jobs/{job.name}", "Job")
        meta = Metadata.model_validate(manifest["metadata"])
        owner = _controller(meta, names.WORKFLOW_RUN_KIND)
        if meta.uid != job.uid or owner is None:
            raise BindingRefused("the pod's Job does not belong to a run")
        return owner

    async def _get(self, path: str, what: str) -> Json:
        try:
            return await self._cluster.get(path)
        except Missing as error:
            raise BindingRefused(f"the {what} is gone") from error


def _controller(meta: Metadata, kind: str) -> OwnerReference | None:
    return next((owner for owner in meta.owner_references if owner.controller and owner.kind == kind), None)


def _pod_of(identity: Identity) -> _Pod:
    namespace = identity.username.removeprefix(_ACCOUNT).partition(":")[0]
    pod, uid = identity.extra.get(_POD_NAME, ()), identity.extra.get(_POD_UID, ())
    if not identity.username.startswith(_ACCOUNT) or len(pod) != 1 or len(uid) != 1:
        raise BindingRefused("the token is not bound to a pod; use the pod's projected token")
    return _Pod(namespace, pod[0], uid[0])
