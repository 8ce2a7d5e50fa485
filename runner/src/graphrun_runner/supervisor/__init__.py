"""The supervisor: claims the attempt, watches over the graph process, reports. No user code runs in it.

Standard library and `graphrun_core.protocol` only: it must be up within 50 ms and stay under 30 MB.
"""
