"""Our checkpoint saver beside the published ones: `python -m benchmarks.checkpoints --help`.

The driver runs each saver on each workload in a process of its own, in the saver's own environment, with a counting
proxy between it and the server. `worker`, `workloads`, `savers` and `texts` run in those environments and need LangGraph
and the one saver alone.
"""
