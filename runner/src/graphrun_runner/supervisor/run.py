"""The container's start: the graph process first, then everything else."""

import os
from typing import Final, NoReturn

from graphrun_runner.supervisor.graph_process import GraphProcess
from graphrun_runner.supervisor.mailbox import Mailbox
from graphrun_runner.supervisor.settings import SettingMissing, read_settings
from graphrun_runner.supervisor.voice import say

_EXIT_MISCONFIGURED: Final = 1


def main() -> NoReturn:
    """Run the attempt of this pod; never returns."""
    try:
        settings = read_settings(os.environ)
    except SettingMissing as error:
        say("the environment is incomplete", problem=str(error))
        os._exit(_EXIT_MISCONFIGURED)
    box = Mailbox()
    box.receive_signals()
    # The graph process starts before the claim, to import LangGraph meanwhile (0.7 s of CPU). It runs nothing of
    # the user's and opens no connection until it is handed the grant.
    process = GraphProcess(os.environ)
    # Imported only now: http.client takes 20 ms, in which the graph process is already on its way.
    from graphrun_runner.supervisor.lifecycle import run_attempt  # noqa: PLC0415

    # Threads may hang in a long poll: leave without waiting for them.
    os._exit(run_attempt(settings, process, box))
