"""LangGraph checkpoints on S3-compatible object storage. A library of its own, usable without Kubernetes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphrun_checkpoints.config import Credentials, CredentialSource, StorageConfig
from graphrun_checkpoints.core import DurableCheckpoint, OnDurable
from graphrun_checkpoints.errors import (
    CheckpointConflict,
    CheckpointError,
    CorruptObject,
    FenceLost,
    InvalidCheckpoint,
    MisconfiguredStore,
    SaverClosed,
    SerializationFailed,
    StorageRefused,
    StorageUnavailable,
    UnsupportedFormat,
)
from graphrun_checkpoints.format.encryption import Encryption
from graphrun_checkpoints.format.seals import Inherited, Lineage
from graphrun_checkpoints.reader import CheckpointInfo, CheckpointReader
from graphrun_checkpoints.saver import ObjectStoreSaver
from graphrun_checkpoints.store import Entry, ObjectExists, Part, Store
from graphrun_checkpoints.writing import SaverOptions

if TYPE_CHECKING:
    from graphrun_checkpoints.s3.credentials import (
        default_credentials,
        pod_identity_credentials,
        web_identity_credentials,
    )
    from graphrun_checkpoints.s3.minio_store import MinioStore

__all__ = [
    "CheckpointConflict",
    "CheckpointError",
    "CheckpointInfo",
    "CheckpointReader",
    "CorruptObject",
    "CredentialSource",
    "Credentials",
    "DurableCheckpoint",
    "Encryption",
    "Entry",
    "FenceLost",
    "Inherited",
    "InvalidCheckpoint",
    "Lineage",
    "MinioStore",
    "MisconfiguredStore",
    "ObjectExists",
    "ObjectStoreSaver",
    "OnDurable",
    "Part",
    "SaverClosed",
    "SaverOptions",
    "SerializationFailed",
    "StorageConfig",
    "StorageRefused",
    "StorageUnavailable",
    "Store",
    "UnsupportedFormat",
    "default_credentials",
    "pod_identity_credentials",
    "web_identity_credentials",
]

_ON_FIRST_USE = {
    "MinioStore": "graphrun_checkpoints.s3.minio_store",
    "default_credentials": "graphrun_checkpoints.s3.credentials",
    "pod_identity_credentials": "graphrun_checkpoints.s3.credentials",
    "web_identity_credentials": "graphrun_checkpoints.s3.credentials",
}
"""The `minio` client takes longer to import than all the rest: only who opens a bucket pays for it."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ON_FIRST_USE[name]), name)
