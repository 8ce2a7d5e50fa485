"""Keys of what graphrun keeps in object storage beside checkpoints. A run's UID, never its name, is in a key."""


def checkpoint_prefix(prefix: str) -> str:
    """Where the saver keeps its threads."""
    return f"{prefix}/checkpoints"


def runs_prefix(prefix: str) -> str:
    """Where all runs keep what is not a checkpoint."""
    return f"{prefix}/runs/"


def run_prefix(prefix: str, run_uid: str) -> str:
    """Where one run keeps what is not a checkpoint."""
    return f"{runs_prefix(prefix)}{run_uid}/"


def signature_key(prefix: str, run_uid: str) -> str:
    """Where the signature of the graph lies that the run's checkpoints were made by."""
    return f"{run_prefix(prefix, run_uid)}signature.json"


def input_key(prefix: str, run_uid: str, name: str = "input") -> str:
    """Where an input that is too large for the resource lies."""
    return f"{run_prefix(prefix, run_uid)}{name}.json"


def output_key(prefix: str, run_uid: str, attempt: int) -> str:
    """Where the output of an attempt lies that is too large for the resource."""
    return f"{run_prefix(prefix, run_uid)}output-{attempt}.json"


def log_prefix(prefix: str, run_uid: str, attempt: int) -> str:
    """Where the log of an attempt lies, in chunks."""
    return f"{run_prefix(prefix, run_uid)}logs/{attempt}/"


def log_chunk_key(prefix: str, run_uid: str, attempt: int, place: tuple[int, int]) -> str:
    """Where the chunk of a log lies that has `place` (offset and size, in bytes); keys sort as the offsets do."""
    offset, size = place
    return f"{log_prefix(prefix, run_uid, attempt)}{offset:016d}-{size}.txt"
