"""The manifests, whole."""

from typing import Any

from inline_snapshot import snapshot

from graphrun_operator.manifests.job import RunnerDefaults, build_job
from graphrun_operator.manifests.revision import build_revision
from graphrun_operator.views import Revision
from support.builders import REVISION, SPEC, a_run

Json = dict[str, Any]
DEFAULTS = RunnerDefaults("runner:1", "IfNotPresent", "http://api:8081")


def job(spec: Json | None = None, **run: Any) -> Json:
    revision = Revision("flow-1", "flow", spec) if spec else REVISION
    return build_job(a_run(**run).seen().run, 2, revision, DEFAULTS)


def pod_spec(spec: Json | None = None, **run: Any) -> Json:
    found: Json = job(spec, **run)["spec"]["template"]["spec"]
    return found


def test_the_whole_job() -> None:
    assert job() == snapshot(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "r-2",
                "namespace": "n",
                "labels": {
                    "app.kubernetes.io/name": "graphrun",
                    "app.kubernetes.io/component": "runner",
                    "app.kubernetes.io/managed-by": "graphrun-operator",
                    "graphrun.dev/run": "r",
                    "graphrun.dev/attempt": "2",
                    "graphrun.dev/workflow": "flow",
                    "graphrun.dev/revision": "flow-e2f40980ea",
                },
                "ownerReferences": [
                    {
                        "apiVersion": "graphrun.dev/v1alpha1",
                        "kind": "WorkflowRun",
                        "name": "r",
                        "uid": "run-uid",
                        "controller": True,
                        "blockOwnerDeletion": False,
                    }
                ],
            },
            "spec": {
                "backoffLimit": 0,
                "podReplacementPolicy": "Failed",
                "template": {
                    "metadata": {
                        "labels": {
                            "app.kubernetes.io/name": "graphrun",
                            "app.kubernetes.io/component": "runner",
                            "app.kubernetes.io/managed-by": "graphrun-operator",
                            "graphrun.dev/run": "r",
                            "graphrun.dev/attempt": "2",
                            "graphrun.dev/workflow": "flow",
                            "graphrun.dev/revision": "flow-e2f40980ea",
                        },
                        "annotations": {"graphrun.dev/desired-state": "Running"},
                    },
                    "spec": {
                        "restartPolicy": "Never",
                        "terminationGracePeriodSeconds": 30,
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "securityContext": {
                            "runAsNonRoot": True,
                            "runAsUser": 65532,
                            "runAsGroup": 65532,
                            "fsGroup": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [
                            {
                                "name": "runner",
                                "image": "runner:1",
                                "imagePullPolicy": "IfNotPresent",
                                "env": [
                                    {"name": "GRAPHRUN_API_URL", "value": "http://api:8081"},
                                    {
                                        "name": "GRAPHRUN_TOKEN_FILE",
                                        "value": "/var/run/secrets/graphrun.dev/token",
                                    },
                                    {
                                        "name": "GRAPHRUN_DESIRED_STATE_FILE",
                                        "value": "/etc/graphrun/desired-state",
                                    },
                                    {"name": "GRAPHRUN_WORK_DIR", "value": "/work"},
                                    {"name": "GRAPHRUN_GRACE_SECONDS", "value": "30"},
                                ],
                                "envFrom": [],
                                "resources": {
                                    "requests": {"cpu": "100m", "memory": "256Mi"},
                                    "limits": {"memory": "1Gi"},
                                },
                                "terminationMessagePath": "/dev/termination-log",
                                "terminationMessagePolicy": "File",
                                "securityContext": {
                                    "allowPrivilegeEscalation": False,
                                    "readOnlyRootFilesystem": True,
                                    "capabilities": {"drop": ["ALL"]},
                                },
                                "volumeMounts": [
                                    {
                                        "name": "token",
                                        "mountPath": "/var/run/secrets/graphrun.dev",
                                        "readOnly": True,
                                    },
                                    {"name": "info", "mountPath": "/etc/graphrun", "readOnly": True},
                                    {"name": "work", "mountPath": "/work"},
                                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the pod
                                ],
                            }
                        ],
                        "volumes": [
                            {
                                "name": "token",
                                "projected": {
                                    "sources": [
                                        {
                                            "serviceAccountToken": {
                                                "audience": "graphrun-runner",
                                                "expirationSeconds": 3600,
                                                "path": "token",
                                            }
                                        }
                                    ]
                                },
                            },
                            {
                                "name": "info",
                                "downwardAPI": {
                                    "items": [
                                        {
                                            "path": "desired-state",
                                            "fieldRef": {
                                                "fieldPath": "metadata.annotations['graphrun.dev/desired-state']"
                                            },
                                        }
                                    ]
                                },
                            },
                            {"name": "work", "emptyDir": {}},
                            {"name": "tmp", "emptyDir": {}},
                        ],
                    },
                },
            },
        }
    )


def test_the_workflows_image_and_environment_come_first() -> None:
    env = [{"name": "A", "value": "1"}]
    container = pod_spec({**SPEC, "image": "mine:1", "env": env, "envFrom": [{"secretRef": {"name": "s"}}]})[
        "containers"
    ][0]
    assert container["image"] == "mine:1"
    assert container["env"][0] == {"name": "A", "value": "1"}
    assert container["envFrom"] == [{"secretRef": {"name": "s"}}]


def test_a_runs_options_beat_its_workflows() -> None:
    defaults = {
        "resources": {"limits": {"memory": "2Gi", "cpu": "1"}},
        "nodeSelector": {"a": "b"},
        "queueName": "q",
    }
    spec = pod_spec(
        {**SPEC, "defaults": defaults}, resources={"limits": {"memory": "4Gi"}}, priorityClassName="high"
    )
    assert spec["containers"][0]["resources"]["limits"] == {"memory": "4Gi", "cpu": "1"}
    assert spec["nodeSelector"] == {"a": "b"}
    assert spec["priorityClassName"] == "high"
    assert "tolerations" not in spec
    assert job({**SPEC, "defaults": defaults})["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"


def test_users_labels_are_copied_but_not_over_the_operators() -> None:
    scene = a_run().labelled({"team": "red", "graphrun.dev/run": "another", "job-name": "x"})
    labels = build_job(scene.seen().run, 1, REVISION, DEFAULTS)["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "red"
    assert labels["graphrun.dev/run"] == "r"
    assert "job-name" not in labels


def test_the_whole_revision() -> None:
    assert build_revision("n", REVISION) == snapshot(
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": "flow-e2f40980ea",
                "namespace": "n",
                "labels": {
                    "app.kubernetes.io/name": "graphrun",
                    "app.kubernetes.io/managed-by": "graphrun-operator",
                    "graphrun.dev/workflow": "flow",
                },
            },
            "revision": 1,
            "data": {"graph": {"entrypoint": "flow.graph:graph"}},
        }
    )
