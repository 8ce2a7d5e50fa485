"""Labels of the operator's objects: its own, and those that users put on their runs."""

from typing import Final

from graphrun_core import names

OURS: Final = {
    names.LABEL_NAME: names.APP_NAME,
    names.LABEL_COMPONENT: names.RUNNER_COMPONENT,
    names.LABEL_MANAGED_BY: names.OPERATOR_NAME,
}
# Kubernetes sets these on Jobs and pods itself and refuses others' values.
_RESERVED: Final = ("batch.kubernetes.io/", "controller-uid", "job-name")


def run_labels(
    users: dict[str, str], *, run: str, attempt: int, workflow: str, revision: str
) -> dict[str, str]:
    """Labels of the Job and the pod of an attempt; the operator's own win over a user's of the same name."""
    copied = {key: value for key, value in users.items() if not key.startswith(_RESERVED)}
    return (
        copied
        | OURS
        | {
            names.LABEL_RUN: run,
            names.LABEL_ATTEMPT: str(attempt),
            names.LABEL_WORKFLOW: workflow,
            names.LABEL_REVISION: revision,
        }
    )
