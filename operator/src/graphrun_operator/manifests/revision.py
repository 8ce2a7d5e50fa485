"""The ControllerRevision that freezes a Workflow's spec."""

from typing import Any

from graphrun_core import names
from graphrun_operator.views import Revision


def build_revision(namespace: str, revision: Revision) -> dict[str, Any]:
    """Without an owner: revisions outlive their Workflow as long as a run needs them; the operator removes them."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision.name,
            "namespace": namespace,
            "labels": {
                names.LABEL_NAME: names.APP_NAME,
                names.LABEL_MANAGED_BY: names.OPERATOR_NAME,
                names.LABEL_WORKFLOW: revision.workflow,
            },
        },
        # Kubernetes wants a number; the name is what tells revisions apart.
        "revision": 1,
        "data": revision.spec,
    }
