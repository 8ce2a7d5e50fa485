"""`make demo`, told into a record."""

import io

from rich.console import Console

from graphrun_devcluster import stack
from graphrun_devcluster.demo.kubectl import Kubectl
from graphrun_devcluster.demo.rest import Rest
from graphrun_devcluster.demo.screen import Screen
from graphrun_devcluster.demo.story import Story


async def test_the_demo_tells_its_story_to_the_end(environment: stack.Environment) -> None:
    told = Console(file=io.StringIO(), record=True, width=160)
    kubectl = Kubectl(str(environment.kubeconfig), str(environment.path), environment.namespace)
    async with Rest(environment.url, environment.token, environment.project) as rest:
        base = f"{environment.url}/api/projects/{environment.project}"
        story = Story(rest, kubectl, Screen(told), base, environment.token)
        await story.tell()

    text = told.export_text()
    assert "PAUSED after" in text
    assert "cancel → processes gone" in text
    measured = story.timings
    assert None not in (
        measured.first_node,
        measured.pause,
        measured.pod_gone,
        measured.resume,
        measured.cancel,
    )
