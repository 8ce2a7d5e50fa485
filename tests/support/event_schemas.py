"""Whether events are what the API's document says of them."""

import json
from datetime import UTC, datetime
from typing import Any

from graphrun_api.events.batches import read_batch
from graphrun_api.events.model import Event
from graphrun_api.events.schemas import RunEvent

Json = dict[str, Any]


def check_documented(event: Json) -> None:
    """Fail unless an event, as a client gets it, has what its type's schema says, and nothing else."""
    read = RunEvent.model_validate(event).model_dump(exclude_unset=True)
    assert {**read, "at": event["at"]} == event, "a field that the schema does not know"


def check_sent_by_a_runner(events: list[Json]) -> None:
    """The same of events as a runner sends them, taken in as the API does."""
    taken = read_batch({"events": events}, datetime.now(UTC))
    assert len(taken) == len(events), "a type that no runner sends"
    for item in taken:
        stored = Event(item.runner_seq, 1, item.type, item.at, item.node_id, item.data_text())
        check_documented(json.loads(stored.to_json("run")))
