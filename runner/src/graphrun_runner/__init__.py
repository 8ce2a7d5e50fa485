"""The graphrun runner: one attempt of one run, in a pod.

`python -m graphrun_runner` is the supervisor; it starts `python -m graphrun_runner.child`, the graph process.
Graphs may call `progress`; importing this package loads nothing else.
"""

from graphrun_runner.node_progress import progress

__all__ = ["progress"]
