"""The command `python -m graphrun_devcluster demo`."""

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from graphrun_devcluster.demo import closing
from graphrun_devcluster.demo.errors import DemoError
from graphrun_devcluster.demo.kubectl import Kubectl
from graphrun_devcluster.demo.rest import Rest
from graphrun_devcluster.demo.screen import Screen
from graphrun_devcluster.demo.story import Story
from graphrun_devcluster.stack import Environment, environment, up

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_commands(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `demo` to the command line."""
    parser = subparsers.add_parser(
        "demo", help="bring all up and show a run: progress, pause, resume, cancel"
    )
    parser.add_argument("--name", help="name of the cluster; default: $GRAPHRUN_CLUSTER_NAME or graphrun")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Bring all up and tell the story; the exit code is 1 where a step failed."""
    started = time.monotonic()
    screen = Screen()
    screen.title("0. A cluster with graphrun installed")
    up(arguments.name)
    screen.line(f"up after {time.monotonic() - started:.0f} s")
    if not asyncio.run(_tell(screen, environment(arguments.name))):
        return 1
    screen.title("Try next")
    screen.block(closing.NEXT)
    screen.line(f"The demo took {time.monotonic() - started:.0f} s.")
    return 0


async def _tell(screen: Screen, where: Environment) -> bool:
    base = f"{where.url}/api/projects/{where.project}"
    kubectl = Kubectl(str(where.kubeconfig), str(where.path), where.namespace)
    async with Rest(where.url, where.token, where.project) as rest:
        story = Story(rest, kubectl, screen, base, where.token)
        try:
            await story.tell()
        except (DemoError, httpx.TransportError) as error:
            await story.tell_failure(error)
            return False
    return True
