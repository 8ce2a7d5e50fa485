"""`verify` and `stats`: is it whole, and what does it cost."""

from argparse import Namespace
from dataclasses import asdict

from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.commands.output import Output, shortened, size, visible
from graphrun_checkpoints.inspection.inspector import (
    FoundThread,
    ThreadReport,
    ThreadSize,
    together,
)

VERIFY = """\
Verify threads. Reads every object and tells what is wrong, with its key: objects that do not
match their digest or cannot be decoded, and objects that are missing while a claim, a
checkpoint or pending writes need them. Without the keys of encrypted objects it checks their
digests alone. Exit code 1 if there are problems; warnings alone leave it at 0.

It cannot tell that a checkpoint is gone which no other needs parts of, nor that pending
writes are gone of which no later claim speaks: pruning does the same on purpose."""
STATS = """\
Tell what threads cost. Reads every object.

OBJECTS and STORED by kind: checkpoints and batches (of pending writes) that count; blobs
(large values, and what several checkpoints share); kept (removed, but others need parts of
them); claims; stray (checkpoints and batches that do not count, stored after a takeover).
By channel: RAW is its serialised size in the newest checkpoint of the root namespace; STORED
is its share of everything stored, history and pending writes included: an object's bytes are
shared out by the raw size of what is in it, and what channels share counts for the first by
name. (other) is what belongs to no channel.
state: the serialised state of each checkpoint that counts, added up as if each were whole.
raw: all objects before compression and encryption. stored: all objects as they are stored.
dedupe = state ÷ raw. compression = raw ÷ stored."""

_LONGEST_CHANNEL = 60


async def verify(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Verify threads; with all of them, also the notes of which run stored something where."""
    reports: list[ThreadReport] = []
    async for found in bucket.threads(arguments.thread):
        reports.append(await bucket.inspector.verify(found))
        _print_report(reports[-1], found, output)
    threads = len(reports)
    if not arguments.thread:
        reports.append(await bucket.inspector.verify_markers())
        _print_report(reports[-1], None, output)
    problems = sum(len(each.problems) for each in reports)
    warnings = sum(len(each.findings) for each in reports) - problems
    if not output.as_json:
        objects, stored = sum(each.objects for each in reports), sum(each.bytes for each in reports)
        output.line(
            f"{threads} threads, {objects} objects, {size(stored)}: {problems} problems, {warnings} warnings"
        )
        if unopened := sum(each.unopened for each in reports):
            output.line(
                f"{unopened} objects are encrypted with keys not given: only their digests were checked"
            )
    return problems == 0


async def stats(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    """Measure threads, and all of them together."""
    sizes: list[ThreadSize] = []
    async for found in bucket.threads(arguments.thread):
        measured = await bucket.inspector.stats(found)
        sizes.append(together([measured], measured.thread))  # channels are many; they are shown once
        _print_size(measured, output)
    if len(sizes) > 1 and not output.as_json:
        _print_size(together(sizes, "all threads together"), output)
    return True


def _print_report(report: ThreadReport, found: FoundThread | None, output: Output) -> None:
    if output.as_json:
        output.document({**asdict(report), "thread": report.thread if found is not None else None})
        return
    for finding in report.findings:
        output.line(f"{finding.severity}: {visible(finding.text)}")


def _print_size(measured: ThreadSize, output: Output) -> None:
    if output.as_json:
        output.document({**asdict(measured), "dedupe": measured.dedupe, "compression": measured.compression})
        return
    output.line(visible(measured.thread))
    output.table(
        ("KIND", "OBJECTS", "STORED"),
        [
            (kind, str(amount.objects), size(amount.bytes))
            for kind, amount in measured.kinds.items()
            if amount.objects
        ],
        right=("OBJECTS", "STORED"),
    )
    if measured.channels:
        output.table(
            ("CHANNEL", "RAW", "STORED"),
            [
                (
                    shortened(visible(each.channel), _LONGEST_CHANNEL),
                    size(each.raw_bytes),
                    size(each.stored_bytes),
                )
                for each in measured.channels
            ],
            right=("RAW", "STORED"),
        )
    output.line(
        f"state {size(measured.state_bytes)}, raw {size(measured.raw_bytes)}, stored {size(measured.stored_bytes)}: "
        f"dedupe {_ratio(measured.dedupe)}, compression {_ratio(measured.compression)}"
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
