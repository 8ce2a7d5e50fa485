"""`prune`, `gc` and `copy`: what changes the bucket."""

from argparse import Namespace
from dataclasses import asdict
from functools import partial

from graphrun_checkpoints import copying
from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.commands.output import Output, size, visible
from graphrun_checkpoints.core import Core
from graphrun_checkpoints.errors import CheckpointError, CorruptObject, InvalidCheckpoint, UnsupportedFormat
from graphrun_checkpoints.format.keys import CheckpointKey, parse
from graphrun_checkpoints.removal import Removed

PRUNE = """\
Remove old checkpoints of threads, and the blobs that only they needed. The newest of each
namespace stay, with what is pending on them; with --keep above 1 also the ends of branches.
--delete deletes threads whole; who still writes to one is fenced out. Asks first; without a
terminal it needs --yes. Prune threads on which nothing runs."""
GC = """\
Remove what nobody can need: checkpoints and writes that do not count, and blobs that nothing
refers to, both older than the grace period. Safe while graphs run. One period is the least
that a writer may need to refer to a blob; less is refused."""
COPY = """\
Copy a thread, its history and pending writes included, to a new one. A target that holds
something is refused."""


async def prune(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Remove old checkpoints, or whole threads."""
    threads = [await bucket.thread(name) for name in arguments.thread]
    names = ", ".join(visible(each.shown) for each in threads)
    kept = f"all but the newest {arguments.keep} checkpoints of each namespace of"
    what = "everything of" if arguments.delete else kept
    if not (arguments.yes or arguments.dry_run):
        answer = output.agrees(f"Remove {what} {names}?")
        if answer is None:
            raise InvalidCheckpoint(f"remove {what} {names}? There is no terminal to ask on: give --yes")
        if not answer:
            output.complain("nothing was removed")
            return False
    async with bucket.core() as worker:
        for name in arguments.thread:
            if arguments.delete:
                removed = await worker.do(partial(_delete, name, arguments))
            else:
                removed = await worker.do(partial(_prune, name, arguments))
            _tell(name, removed, "would remove" if arguments.dry_run else "removed", output)
    return True


async def gc(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Remove what nobody needs. A damaged thread is left as it is, told of, and keeps no other from its turn."""
    fine, total = True, Removed()
    verb = "would remove" if arguments.dry_run else "removed"
    async with bucket.core() as worker:
        async for found in bucket.threads(arguments.thread):
            if found.name is None:
                output.complain(f"thread {found.segment}: its name cannot be read, nothing was removed")
                fine = False
                continue
            try:
                removed = await worker.do(partial(_collect, found.name, arguments))
            except (CorruptObject, UnsupportedFormat) as error:
                output.complain(f"thread {found.name!r}: {error}; nothing was removed")
                fine = False
                continue
            total += removed
            if removed.objects or output.as_json or arguments.thread:
                _tell(found.name, removed, verb, output)
    if not output.as_json and not arguments.thread:
        output.line(f"{verb} {_amount(total)} in all")
    return fine


async def copy(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Copy a thread."""
    await bucket.thread(arguments.source)
    async with bucket.core() as worker:
        copied = await worker.do(partial(_copy, arguments.source, arguments.target))
    if not copied:
        raise CheckpointError(f"thread {arguments.source!r} has nothing that counts: nothing was copied")
    if output.as_json:
        output.document({"source": arguments.source, "target": arguments.target, "objects": copied})
    else:
        output.line(f"{visible(arguments.target)}: copied {copied} objects")
    return True


async def _prune(thread: str, arguments: Namespace, core: Core) -> Removed:
    return await core.removal.prune(thread, arguments.keep, dry_run=arguments.dry_run)


async def _collect(thread: str, arguments: Namespace, core: Core) -> Removed:
    return await core.removal.collect(thread, arguments.grace, dry_run=arguments.dry_run)


async def _delete(thread: str, arguments: Namespace, core: Core) -> Removed:
    prefix = core.objects.layout.thread(thread)
    entries = [entry async for entry in core.objects.keys(prefix)]
    found = [parsed[1] for entry in entries if (parsed := parse(prefix, entry)) is not None]
    if not arguments.dry_run:
        await core.removal.delete(thread)
    checkpoints = sum(isinstance(key, CheckpointKey) for key in found)
    return Removed(checkpoints, len(entries), sum(entry.size for entry in entries))


async def _copy(source: str, target: str, core: Core) -> int:
    return await copying.copy_thread(core.objects, core.fencing, source, target)


def _tell(thread: str, removed: Removed, verb: str, output: Output) -> None:
    if output.as_json:
        output.document({"thread": thread, **asdict(removed)})
    else:
        output.line(f"{visible(thread)}: {verb} {_amount(removed)}")


def _amount(removed: Removed) -> str:
    return f"{removed.objects} objects ({removed.checkpoints} checkpoints), {size(removed.bytes)}"
