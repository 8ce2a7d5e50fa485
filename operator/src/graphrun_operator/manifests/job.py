"""The Job of one attempt, and its pod. What the run is about travels with the claim, never in the pod's spec."""

from dataclasses import dataclass
from typing import Any, Final

from graphrun_core import names, phases
from graphrun_core.options import effective_options
from graphrun_core.resources import RunOptions, WorkflowRun, WorkflowSpec
from graphrun_operator.manifests.labels import run_labels
from graphrun_operator.views import Revision

Json = dict[str, Any]

# Time for the superstep under way when the pod is evicted, in seconds.
GRACE_SECONDS: Final = 30
_USER: Final = 65532
_TOKEN_DIR: Final = "/var/run/secrets/graphrun.dev"  # noqa: S105 - a folder
_TOKEN_SECONDS: Final = 3600
_INFO_DIR: Final = "/etc/graphrun"
_STATE_FILE: Final = "desired-state"
_WORK_DIR: Final = "/work"
_LABEL_QUEUE: Final = "kueue.x-k8s.io/queue-name"


@dataclass(frozen=True)
class RunnerDefaults:
    """What every runner's container is given by the operator's settings."""

    image: str
    pull_policy: str
    api_url: str


def build_job(run: WorkflowRun, attempt: int, revision: Revision, defaults: RunnerDefaults) -> Json:
    """The Job of `attempt`, owned by the run, made from `revision`."""
    workflow = WorkflowSpec.model_validate(revision.spec)
    options = effective_options(workflow.defaults, run.spec.options())
    labels = run_labels(
        run.metadata.labels,
        run=run.metadata.name,
        attempt=attempt,
        workflow=run.spec.workflow_ref.name,
        revision=revision.name,
    )
    queue = {_LABEL_QUEUE: options.queue_name} if options.queue_name else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(run.metadata.name, attempt),
            "namespace": run.metadata.namespace,
            "labels": labels | queue,
            "ownerReferences": [_owner(run)],
        },
        "spec": {
            "backoffLimit": 0,  # the operator alone decides about attempts
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {names.ANNOTATION_DESIRED_STATE: phases.STATE_RUNNING},
                },
                "spec": _pod_spec(workflow, options, defaults),
            },
        },
    }


def _owner(run: WorkflowRun) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.WORKFLOW_RUN_KIND,
        "name": run.metadata.name,
        "uid": run.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _pod_spec(workflow: WorkflowSpec, options: RunOptions, defaults: RunnerDefaults) -> Json:
    spec: Json = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(workflow, options, defaults)],
        "volumes": _volumes(),
    }
    wishes = {
        "nodeSelector": options.node_selector,
        "tolerations": options.tolerations,
        "priorityClassName": options.priority_class_name,
    }
    return spec | {name: value for name, value in wishes.items() if value}


def _container(workflow: WorkflowSpec, options: RunOptions, defaults: RunnerDefaults) -> Json:
    return {
        "name": names.RUNNER_CONTAINER,
        "image": workflow.image or defaults.image,
        "imagePullPolicy": defaults.pull_policy,
        "env": [*workflow.env, *_environment(defaults)],
        "envFrom": workflow.env_from,
        "resources": options.resources.to_manifest(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "token", "mountPath": _TOKEN_DIR, "readOnly": True},
            {"name": "info", "mountPath": _INFO_DIR, "readOnly": True},
            {"name": "work", "mountPath": _WORK_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def _environment(defaults: RunnerDefaults) -> list[Json]:
    values = {
        "GRAPHRUN_API_URL": defaults.api_url,
        "GRAPHRUN_TOKEN_FILE": f"{_TOKEN_DIR}/token",
        "GRAPHRUN_DESIRED_STATE_FILE": f"{_INFO_DIR}/{_STATE_FILE}",
        "GRAPHRUN_WORK_DIR": _WORK_DIR,
        "GRAPHRUN_GRACE_SECONDS": str(GRACE_SECONDS),
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _volumes() -> list[Json]:
    token = {"audience": names.RUNNER_AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
    state = {
        "path": _STATE_FILE,
        "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_DESIRED_STATE}']"},
    }
    return [
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "info", "downwardAPI": {"items": [state]}},
        {"name": "work", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
