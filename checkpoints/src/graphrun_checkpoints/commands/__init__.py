"""The command `graphrun-checkpoints`: looks into a bucket of checkpoints, verifies, measures and tidies it."""

import asyncio
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence

from graphrun_checkpoints.commands.arguments import parser, settings_of
from graphrun_checkpoints.commands.bucket import Bucket
from graphrun_checkpoints.commands.output import Output
from graphrun_checkpoints.errors import CheckpointError

FINE = 0
FAILED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments; those of the process if None.

    Returns:
        0 if all went well; 1 if `verify` found problems, or it was refused or failed, with one line on stderr.

    Raises:
        SystemExit: With 2 and a line on stderr, if the arguments make no sense; with 0 after `--help`.
    """
    given = parser()
    arguments = given.parse_args(argv)
    output = Output(as_json=arguments.json)
    try:
        settings = settings_of(given, arguments, os.environ)
        fine = asyncio.run(_run(settings.bucket(), arguments, output))
        sys.stdout.flush()  # here, where it is known what to do if nobody reads it any more
    except CheckpointError as error:
        output.complain(str(error) or type(error).__name__)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Who read our output has gone, as `head` does; what is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return FINE if fine else FAILED


async def _run(bucket: Bucket, arguments: Namespace, output: Output) -> bool:
    async with bucket:
        return bool(await arguments.run(bucket, arguments, output))
