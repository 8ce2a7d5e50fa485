"""Faults of a local cluster, for tests and benchmarks: nodes, control plane, processes of pods."""

from graphrun_devcluster.faults.injection import Faults
from graphrun_devcluster.faults.pods import PodProcess, pods_with_processes, processes_of_pod

__all__ = ["Faults", "PodProcess", "pods_with_processes", "processes_of_pod"]
