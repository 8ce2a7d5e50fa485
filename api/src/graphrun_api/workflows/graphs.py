"""The topology of a workflow, as the runner of its revision reported it."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.errors import GraphNotFound
from graphrun_api.events.reads import HistoryReads
from graphrun_api.workflows import examples
from graphrun_api.workflows.service import Workflows
from graphrun_core.revisions import revision_name

Json = dict[str, Any]


class GraphNode(BaseModel):
    """A node."""

    id: str = Field(description="its name in the graph")


class GraphEdge(BaseModel):
    """A way from one node to another; `__start__` and `__end__` stand for the graph's ends."""

    source: str = Field(description="name of the node that it leaves")
    target: str = Field(description="name of the node that it leads to")


class WorkflowGraph(BaseModel):
    """What a workflow consists of."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.GRAPH]})

    workflow: str = Field(description="name of the workflow")
    revision: str = Field(description="the frozen revision whose graph this is")
    current: bool = Field(description="whether new runs use this revision")
    nodes: list[GraphNode] = Field(description="the root graph's nodes, without its two ends")
    edges: list[GraphEdge] = Field(description="the ways between them")
    cyclic: bool = Field(description="whether a node can be come back to")
    mermaid: str = Field(description="the graph as a Mermaid flowchart")
    input_schema: Json | None = Field(description="JSON Schema of the input; null where none is known")
    input_schema_source: Literal["declared", "derived"] | None = Field(
        description="from the workflow's inputSchema, or from the graph's own input type"
    )


class Graphs:
    """Topologies by workflow and revision."""

    def __init__(self, workflows: Workflows, reads: HistoryReads) -> None:
        self._workflows, self._reads = workflows, reads

    async def get(self, namespace: str, workflow: str, revision: str) -> WorkflowGraph:
        """The graph of a revision; without one, of the current revision, else of the newest that has run.

        Raises:
            WorkflowNotFound: and a revision was not named.
            GraphNotFound: no run of it has loaded the graph yet.
            HistoryUnavailable: Postgres is away.
        """
        spec, current = await self._current(namespace, workflow, optional=bool(revision))
        found = await self._reads.graph_of(namespace, workflow, revision or current, exact=bool(revision))
        if found is None:
            message = "no run of this workflow has loaded its graph yet; execute one"
            raise GraphNotFound(message)
        graph = json.loads(found["graph"])
        declared = spec.get("inputSchema") if found["revision"] == current else None
        schema = declared or graph.get("input_schema")
        return WorkflowGraph(
            workflow=workflow,
            revision=found["revision"],
            current=found["revision"] == current,
            nodes=[GraphNode(id=node) for node in graph["nodes"]],
            edges=[GraphEdge(source=source, target=target) for source, target in graph["edges"]],
            cyclic=graph["cyclic"],
            mermaid=graph["mermaid"],
            input_schema=schema or None,
            input_schema_source="declared" if declared else "derived" if schema else None,
        )

    async def _current(self, namespace: str, workflow: str, *, optional: bool) -> tuple[Json, str]:
        """The workflow's spec and the revision that new runs use; both empty where it is gone and that is all right."""
        spec = await self._workflows.spec_of(namespace, workflow, optional=optional)
        return (spec, revision_name(workflow, spec)) if spec else ({}, "")
