"""What applies to a run: its overrides, its Workflow's defaults, the product's."""

from typing import Any

from graphrun_core.options import effective_options
from graphrun_core.resources import RunOptions, WorkflowRun


def merged(workflow: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    spec = WorkflowRun.parse({"spec": {"workflowRef": {"name": "w"}, **run}}).spec
    return effective_options(RunOptions.model_validate(workflow), spec.options()).to_manifest()


def test_the_product_decides_where_nobody_else_does() -> None:
    options = merged({}, {})
    assert options["timeouts"] == {"startSeconds": 300, "activeSeconds": None, "totalSeconds": None}
    assert options["durability"] == "async"


def test_a_single_field_is_overridden_and_its_neighbours_stay() -> None:
    options = merged({"timeouts": {"activeSeconds": 60}}, {"timeouts": {"startSeconds": 5}})
    assert options["timeouts"] == {"startSeconds": 5, "activeSeconds": 60, "totalSeconds": None}


def test_an_explicit_null_in_the_run_lifts_the_workflows_limit() -> None:
    assert (
        merged({"timeouts": {"totalSeconds": 60}}, {"timeouts": {"totalSeconds": None}})["timeouts"][
            "totalSeconds"
        ]
        is None
    )


def test_resource_amounts_merge_by_name() -> None:
    options = merged({"resources": {"limits": {"gpu": "2"}}}, {"resources": {"requests": {"cpu": "1"}}})
    assert options["resources"] == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"memory": "1Gi", "gpu": "2"},
    }


def test_the_products_request_yields_to_a_persons_limit() -> None:
    options = merged({"resources": {"limits": {"memory": "64Mi"}}}, {})
    assert options["resources"] == {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}}


def test_placement_is_replaced_whole() -> None:
    options = merged({"nodeSelector": {"a": "1"}}, {"nodeSelector": {"b": "2"}})
    assert options["nodeSelector"] == {"b": "2"}
