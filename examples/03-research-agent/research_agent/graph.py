"""Retrieve, generate, and retrieve again where the model asks for more.

    retrieve ──▶ generate ──answer──▶ END
       ▲            │
       └──SEARCH:───┘   at most `searches` times

A busy endpoint (429, 5xx, no connection) is tried again by LangGraph's RetryPolicy; a wrong key fails the run.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy

from research_agent.model import Busy, Message, complete
from research_agent.retrieval import Passage, search

DEFAULT_SEARCHES = 3
ASK_FOR_MORE = "SEARCH:"
SYSTEM = (
    "Answer from the numbered passages alone and cite each by its name in square brackets. "
    f"Where they do not suffice, answer with one line '{ASK_FOR_MORE} <words to look for>' instead."
)


class Question(TypedDict, total=False):
    """What a run is asked."""

    question: str
    searches: int  # how often the agent may look things up


class Answer(TypedDict):
    """What a run answers."""

    answer: str
    sources: list[str]  # the passages that the answer cites


class State(Question, Answer, total=False):
    """The research under way."""

    query: str
    queries: Annotated[list[str], operator.add]
    found: Annotated[list[Passage], operator.add]


def retrieve(state: State) -> dict[str, Any]:
    query = state.get("query") or state["question"]
    known = {passage["source"] for passage in state.get("found", [])}
    new = [passage for passage in search(query) if passage["source"] not in known]
    return {"queries": [query], "found": new}


def prompt(state: State) -> list[Message]:
    """What the model is shown: the rule, the passages found so far, the question."""
    passages = "\n".join(f"[{passage['source']}] {passage['text']}" for passage in state["found"])
    last = len(state["queries"]) >= state.get("searches", DEFAULT_SEARCHES)
    closing = "\nThere are no further searches: answer now." if last else ""
    return [
        Message(role="system", content=SYSTEM),
        Message(role="user", content=f"{passages}\n\nQuestion: {state['question']}{closing}"),
    ]


async def generate(state: State) -> dict[str, Any]:
    reply = (await complete(prompt(state))).strip()
    if reply.startswith(ASK_FOR_MORE) and len(state["queries"]) < state.get("searches", DEFAULT_SEARCHES):
        return {"query": reply.removeprefix(ASK_FOR_MORE).strip(), "answer": ""}
    cited = [passage["source"] for passage in state["found"] if f"[{passage['source']}]" in reply]
    return {"query": "", "answer": reply, "sources": cited}


def after_generate(state: State) -> Literal["retrieve", "__end__"]:
    return "retrieve" if state["query"] else "__end__"


busy_endpoint = RetryPolicy(max_attempts=5, initial_interval=0.5, backoff_factor=2.0, retry_on=Busy)

graph = StateGraph(State, input_schema=Question, output_schema=Answer)
graph.add_node("retrieve", retrieve)
graph.add_node("generate", generate, retry_policy=busy_endpoint)
graph.add_edge(START, "retrieve")
graph.add_edge("retrieve", "generate")
graph.add_conditional_edges("generate", after_generate)
