"""LangGraph's strict mode: the state's own types come back whole, others are not built, and it is told which.

Strict mode is chosen by a variable before LangGraph's first import, hence a process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]
FOREIGN = "support.strict_types.Foreign"
TYPED = ["by_street", "log", "order", "orders"]


def _read_back(*, allowed: bool) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "support.strict_child", str(allowed).lower()],
        cwd=TESTS,
        env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(ended.stdout))


def test_types_of_the_state_come_back_whole_and_foreign_ones_are_not_built_but_reported() -> None:
    seen = _read_back(allowed=False)
    assert seen["whole"] == TYPED
    assert seen["history"][0] == TYPED
    assert seen["extra"] == "{'inside': [{'command': 'rm'}]}"
    assert "Foreign" not in seen["built"]
    assert seen["built"]["Order"] > 0
    assert set(seen["counted"]) == {FOREIGN}
    assert seen["reported"] == [FOREIGN] * seen["counted"][FOREIGN]


def test_a_foreign_type_that_the_user_allows_comes_back_whole() -> None:
    seen = _read_back(allowed=True)
    assert seen["whole"] == sorted([*TYPED, "extra"])
    assert seen["counted"] == {}
    assert seen["reported"] == []
