"""Keys of what graphrun keeps in object storage beside checkpoints. A run's UID, never its name, is in a key."""


def checkpoint_prefix(prefix: str) -> str:
    """Where the saver keeps its threads."""
    return f"{prefix}/checkpoints"


def input_key(prefix: str, run_uid: str, name: str = "input") -> str:
    """Where an input that is too large for the resource lies."""
    return f"{prefix}/runs/{run_uid}/{name}.json"


def output_key(prefix: str, run_uid: str, attempt: int) -> str:
    """Where the output of an attempt lies that is too large for the resource."""
    return f"{prefix}/runs/{run_uid}/output-{attempt}.json"
