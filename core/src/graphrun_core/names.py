"""Names that several parts must agree on: API group, labels, annotations, object names, field managers."""

from typing import Final

GROUP: Final = "graphrun.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
WORKFLOWS: Final = "workflows"
WORKFLOW_RUNS: Final = "workflowruns"
WORKFLOW_KIND: Final = "Workflow"
WORKFLOW_RUN_KIND: Final = "WorkflowRun"

# --- labels on Jobs, pods and revisions (set by the operator alone)
LABEL_RUN: Final = f"{GROUP}/run"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
LABEL_WORKFLOW: Final = f"{GROUP}/workflow"
LABEL_REVISION: Final = f"{GROUP}/revision"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
APP_NAME: Final = "graphrun"
RUNNER_COMPONENT: Final = "runner"
OPERATOR_NAME: Final = "graphrun-operator"
# Selects every Job and pod that belongs to a run.
RUNNER_SELECTOR: Final = f"{LABEL_MANAGED_BY}={OPERATOR_NAME},{LABEL_COMPONENT}={RUNNER_COMPONENT}"

# --- label on namespaces: its value is the project id of the REST paths
LABEL_PROJECT: Final = f"{GROUP}/project"

# --- annotations
# On pods: the run's spec.state as the operator last saw it; the runner reads it as a downward-API file.
ANNOTATION_DESIRED_STATE: Final = f"{GROUP}/desired-state"
# On pods: since when, as RFC 3339.
ANNOTATION_DESIRED_SINCE: Final = f"{GROUP}/desired-since"
# On runs: who asked for the last change, where the API acted on a person's behalf.
ANNOTATION_REQUESTED_BY: Final = f"{GROUP}/requested-by"
# On runs: the Idempotency-Key of the request that created it.
ANNOTATION_IDEMPOTENCY_KEY: Final = f"{GROUP}/idempotency-key"
# On runs: the last requests with an Idempotency-Key that changed it, so that none of them is carried out twice.
ANNOTATION_REQUESTS: Final = f"{GROUP}/requests"
# On runs: the revision that may go on from a stored state which it does not fit (reason IncompatibleRevision).
ANNOTATION_ACCEPT_REVISION: Final = f"{GROUP}/accept-revision"

# --- field managers
FIELD_MANAGER_RUNNER: Final = "graphrun-runner"
FIELD_MANAGER_OPERATOR: Final = "graphrun-operator"
FIELD_MANAGER_API: Final = "graphrun-api"

# --- the runner's token
RUNNER_AUDIENCE: Final = "graphrun-runner"

RUNNER_CONTAINER: Final = "runner"
# Job names are `<run>-<attempt>` and must stay within a label's 63 characters.
MAX_NAME_LENGTH: Final = 52


def job_name(run: str, attempt: int) -> str:
    """The name of the Job of one attempt. Deterministic, so that "already exists" means: look."""
    return f"{run}-{attempt}"
