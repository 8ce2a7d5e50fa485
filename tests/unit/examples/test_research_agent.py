"""examples/03-research-agent in plain LangGraph, against the scripted model server."""

from typing import Any

import httpx
import pytest

from support.scripted_llm import ScriptedModel, scripted_model

QUESTION = {"question": "What is left of a run while it is paused?"}


@pytest.fixture
def agent(example: Any) -> Any:
    return example("03-research-agent", "research_agent.graph").graph.compile()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve a script and point the agent at it."""

    def use(server: ScriptedModel, key: str = "sk-test") -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", key)

    return use


async def test_the_answer_names_the_passages_it_cites(agent: Any, endpoint: Any) -> None:
    with scripted_model(["Only its checkpoint [pause-2]."]) as server:
        endpoint(server)
        answer = await agent.ainvoke(QUESTION)

    assert answer == {"answer": "Only its checkpoint [pause-2].", "sources": ["pause-2"]}
    assert "[pause-2] While a run is paused" in server.calls[0]["messages"][1]["content"]


async def test_the_agent_searches_again_where_the_model_asks_for_it(agent: Any, endpoint: Any) -> None:
    with scripted_model(["SEARCH: fence outdated pod", "A fence [checkpoints-1]."]) as server:
        endpoint(server)
        answer = await agent.ainvoke(QUESTION)

    assert answer["sources"] == ["checkpoints-1"]
    assert len(server.calls) == 2


async def test_a_model_that_only_searches_is_stopped_at_the_limit(agent: Any, endpoint: Any) -> None:
    with scripted_model(["SEARCH: more"]) as server:
        endpoint(server)
        answer = await agent.ainvoke({**QUESTION, "searches": 2})

    assert len(server.calls) == 2
    assert "answer now" in server.calls[1]["messages"][1]["content"]
    assert answer["answer"] == "SEARCH: more"


async def test_a_busy_endpoint_is_tried_again(agent: Any, endpoint: Any) -> None:
    with scripted_model([429, 500, "Done [pause-1]."]) as server:
        endpoint(server)
        answer = await agent.ainvoke(QUESTION)

    assert answer["sources"] == ["pause-1"]
    assert len(server.calls) == 3


async def test_a_wrong_key_fails_at_once(agent: Any, endpoint: Any) -> None:
    with scripted_model(["never"]) as server:
        endpoint(server, key="sk-wrong")
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            await agent.ainvoke(QUESTION)

    assert server.calls == []


def test_search_finds_the_passage_that_fits(example: Any) -> None:
    retrieval = example("03-research-agent", "research_agent.retrieval")

    assert [passage["source"] for passage in retrieval.search("SIGKILL children", 1)] == ["cancel-1"]
    assert retrieval.search("zebra") == []
