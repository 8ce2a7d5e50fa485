"""The command `graphrun-checkpoints`: what each verb prints, and how it ends."""

import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphrun_checkpoints import (
    CheckpointError,
    CorruptObject,
    Encryption,
    InvalidCheckpoint,
    ObjectStoreSaver,
)
from graphrun_checkpoints.commands.arguments import parser
from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.commands.output import Output
from graphrun_checkpoints.format.bodies import blob_body
from graphrun_checkpoints.format.codec import Codec
from graphrun_checkpoints.format.parts import Part
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, latest, put
from support.dossier import INPUT, SMALL, dossier_graph
from support.stores import PassingStore
from support.threads import tell

KEYS = Encryption({"k": bytes(range(32))}, "k")
WIDEST = 100


@dataclass
class Command:
    """Runs verbs on a store in memory; what they print is in the capture."""

    store: MemoryStore
    capture: pytest.CaptureFixture[str]
    keys: Encryption | None = None

    async def __call__(self, *argv: str, fine: bool = True) -> list[str]:
        """The lines on stdout; `fine` is what the verb must answer."""
        given = parser().parse_args(argv)
        self.capture.readouterr()
        bucket = Bucket(self.store, "checkpoints", self.keys)
        assert await given.run(bucket, given, Output(as_json=given.json)) is fine
        return self.capture.readouterr().out.splitlines()

    async def json(self, *argv: str, fine: bool = True) -> list[Any]:
        return [json.loads(line) for line in await self(*argv, "--json", fine=fine)]


@pytest.fixture(params=[None, KEYS], ids=["in clear", "encrypted"])
async def command(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Command:
    """On a bucket with a long story, a dossier with subgraphs, and a thread with an odd name."""
    store = MemoryStore()
    async with ObjectStoreSaver(store, encryption=request.param) as saver:
        await tell(saver, "story", 12)
        graph = dossier_graph(SMALL).compile(checkpointer=saver)
        await graph.ainvoke(INPUT, {"configurable": {"thread_id": "dossier"}})
        await put(saver, config("odd \x1b[31m\n"), x=1)
    return Command(store, capsys, request.param)


async def state(command: Command, thread: str) -> Any:
    async with ObjectStoreSaver(command.store, encryption=command.keys) as saver:
        return await latest(saver, thread)


async def test_threads_are_listed_in_printable_names(command: Command) -> None:
    assert await command("ls") == ["dossier", '"odd \\u001b[31m\\n"', "story"]
    assert [each["thread"] for each in await command.json("ls")] == ["dossier", "odd \x1b[31m\n", "story"]


async def test_checkpoints_are_listed_by_namespace_in_100_columns(command: Command) -> None:
    lines = await command("ls", "dossier")
    assert lines[0] == "root namespace"
    assert lines[1].split() == ["ID", "PARENT", "STEP", "SOURCE", "TIME", "BYTES"]
    assert sum(line.startswith("namespace write:") for line in lines) > 1
    rows = [line for line in lines if not line.startswith("namespace ")]
    assert max(map(len, rows)) <= WIDEST
    listed = await command.json("ls", "dossier", "--ns", "")
    assert [each["step"] for each in listed] == list(range(len(listed) - 2, -2, -1))
    assert [each["parent_id"] for each in listed] == [*(each["id"] for each in listed[1:]), None]
    assert all(each["bytes"] > 0 and each["time"].endswith("Z") for each in listed)
    assert [each["id"] for each in await command.json("ls", "dossier", "--ns", "", "--limit", "2")] == [
        each["id"] for each in listed[:2]
    ]


async def test_a_history_costs_one_list_and_no_get(capsys: pytest.CaptureFixture[str]) -> None:
    store = PassingStore(MemoryStore())
    async with ObjectStoreSaver(store) as saver:
        await tell(saver, "story", 5)
    lists, gets = store.lists, store.gets
    given = parser().parse_args(["ls", "story", "--ns", ""])
    await given.run(Bucket(store, "checkpoints", None), given, Output(as_json=False))
    assert (store.lists - lists, store.gets - gets) == (2, 0)  # one of them tells whether the thread exists
    assert len(capsys.readouterr().out.splitlines()) == 9


async def test_a_state_is_shown_whole_by_its_id_and_in_its_namespace(command: Command) -> None:
    shown = json.loads("\n".join(await command("show", "story")))
    assert shown["values"]["rounds"] == 12
    assert sum(len(written) for written in shown["deltas"]["lines"]["writes"]) == 12
    listed = await command.json("ls", "story")
    (earlier,) = await command.json("show", "story", listed[2]["id"])
    assert earlier["values"]["rounds"] == 10
    ns = next(each["ns"] for each in await command.json("ls", "dossier") if each["ns"])
    (inner,) = await command.json("show", "dossier", "--ns", ns)
    assert inner["ns"] == ns
    with pytest.raises(InvalidCheckpoint, match="no checkpoint 'nothing'"):
        await command("show", "story", "nothing")


@pytest.mark.parametrize("verb", ["ls", "show", "verify", "stats", "gc", "prune"])
async def test_a_thread_that_is_not_there_is_refused_by_name(command: Command, verb: str) -> None:
    with pytest.raises(InvalidCheckpoint, match="no thread 'nobody'"):
        await command(verb, "nobody")


async def test_healthy_threads_verify_and_damage_is_a_problem_with_its_key(command: Command) -> None:
    (line,) = await command("verify")
    assert line.startswith("3 threads, ")
    assert line.endswith(": 0 problems, 0 warnings")
    key = next(key for key in command.store.objects if "/story/d/" in key)
    await command.store.delete_many([key])
    problem, line = await command("verify", "story", fine=False)
    assert problem.startswith(f"problem: {key} is missing")
    assert line.endswith(": 1 problems, 0 warnings")
    (report,) = await command.json("verify", "story", fine=False)
    assert [each["key"] for each in report["findings"]] == [key]
    (report,) = await command.json("verify", "dossier")
    assert (report["thread"], report["findings"]) == ("dossier", [])


async def test_without_keys_verify_tells_that_it_saw_digests_alone(command: Command) -> None:
    keys, command.keys = command.keys, None
    lines = await command("verify")
    assert lines[0].endswith("0 problems, 0 warnings")
    assert [line for line in lines if "only their digests were checked" in line] == lines[1:]
    assert len(lines) == (1 if keys is None else 2)


async def test_figures_are_tables_in_100_columns_and_numbers_as_json(command: Command) -> None:
    lines = await command("stats")
    assert max(map(len, lines)) <= WIDEST
    assert lines[0] == "dossier"
    assert "all threads together" in lines
    (figures,) = await command.json("stats", "story")
    assert figures["kinds"]["checkpoints"]["objects"] == 14
    assert figures["dedupe"] > 5
    assert {each["channel"] for each in figures["channels"]} >= {"large", "chapters", "files", "lines"}


async def test_pruning_keeps_the_newest_state_and_tells_what_went(command: Command) -> None:
    before = await state(command, "story")
    objects = len(command.store.objects)
    (line,) = await command("prune", "story", "--keep", "2", "--dry-run")
    assert line.startswith("story: would remove ")
    assert "(12 checkpoints)" in line
    await command("prune", "story", "--delete", "--dry-run")
    assert len(command.store.objects) == objects
    (line,) = await command("prune", "story", "--keep", "2", "--yes")
    assert line.startswith("story: removed ")
    assert "(12 checkpoints)" in line
    assert len(await command.json("ls", "story")) == 2
    (removed,) = await command.json("prune", "story", "--yes")
    assert (removed["thread"], removed["checkpoints"]) == ("story", 1)
    assert len(command.store.objects) < objects
    assert await state(command, "story") == before
    await command("verify")


async def test_deleting_leaves_nothing_and_counts_all_of_it(command: Command) -> None:
    there = [key for key in command.store.objects if "/story/" in key]
    removed, _ = await command.json("prune", "story", "dossier", "--delete", "--yes")
    assert removed["objects"] == len(there)
    assert await command.json("ls") == [{"thread": "odd \x1b[31m\n", "segment": "odd=20=1B=5B31m=0A"}]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_pruning_asks_on_a_terminal_and_takes_no_answer_for_a_no(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = dict(command.store.objects)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(InvalidCheckpoint, match="give --yes"):
        await command("prune", "story")
    for answer in ("", "\n", "n\n", "maybe\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        await command("prune", "story", "--delete", fine=False)
    assert command.store.objects == objects
    monkeypatch.setattr(sys, "stdin", Terminal("Yes\n"))
    assert len(await command("prune", "story")) == 1


async def test_a_copy_is_whole_and_never_over_another_thread(command: Command) -> None:
    (line,) = await command("copy", "story", "tale")
    assert line.startswith("tale: copied ")
    assert await state(command, "tale") == await state(command, "story")
    await command("verify", "tale")
    with pytest.raises(InvalidCheckpoint, match="exists already"):
        await command("copy", "dossier", "tale")
    (copied,) = await command.json("copy", "dossier", "file")
    assert copied["objects"] > 10


async def test_a_copy_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await saver.aopen("opened")
    with pytest.raises(CheckpointError, match="nothing was copied"):
        await Command(store, capsys)("copy", "opened", "copy")


async def test_collecting_removes_orphans_and_passes_by_what_is_damaged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = datetime.now(UTC) - timedelta(days=1)
    command = Command(MemoryStore(clock=lambda: clock), capsys)
    async with ObjectStoreSaver(command.store) as saver:
        await put(saver, config("good"), x=1)
        await put(saver, config("bad"), x=1)
        await put(saver, config("long " * 100), x=1)
    for thread in ("good", "bad"):
        name = f"d/00000001.0/{'ab' * 16}"
        data = Codec().pack(name, blob_body([Part("bytes", b"orphan")]))
        await command.store.put(f"checkpoints/v1/{thread}/{name}", data)
    for key in [key for key in command.store.objects if ("/bad/" in key and "/c." in key) or "/~~" in key]:
        command.store.objects[key] = b"damaged"
    objects = len(command.store.objects)
    lines = await command("gc", "--dry-run", fine=False)
    assert lines[0].startswith("good: would remove 1 objects (0 checkpoints)")
    assert len(command.store.objects) == objects
    assert await command("gc", fine=False) == [each.replace("would remove", "removed") for each in lines]
    assert [key for key in command.store.objects if key.endswith("ab" * 16)] == [
        f"checkpoints/v1/bad/d/00000001.0/{'ab' * 16}"
    ]
    assert (await command.json("gc", "good"))[0]["objects"] == 0
    with pytest.raises(InvalidCheckpoint, match="too short"):
        await command("gc", "good", "--grace", "20m")


async def test_collecting_says_which_thread_it_could_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    async with ObjectStoreSaver(store) as saver:
        await put(saver, config("bad"), x=1)
    for key in [key for key in store.objects if "/c." in key]:
        store.objects[key] = b"damaged"
    given = parser().parse_args(["gc"])
    assert await given.run(Bucket(store, "checkpoints", None), given, Output(as_json=False)) is False
    (line,) = capsys.readouterr().err.splitlines()
    assert "'bad'" in line
    assert "nothing was removed" in line
    with pytest.raises(CorruptObject):
        await Command(store, capsys)("show", "bad")
