"""LangGraph checkpoints on S3-compatible object storage. A library of its own, usable without Kubernetes."""

from graphrun_checkpoints.config import Credentials, CredentialSource, StorageConfig
from graphrun_checkpoints.core import DurableCheckpoint, OnDurable
from graphrun_checkpoints.credentials import (
    default_credentials,
    pod_identity_credentials,
    web_identity_credentials,
)
from graphrun_checkpoints.encryption import Encryption
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
from graphrun_checkpoints.minio_store import MinioStore
from graphrun_checkpoints.reader import CheckpointInfo, CheckpointReader
from graphrun_checkpoints.saver import ObjectStoreSaver
from graphrun_checkpoints.seals import Inherited, Lineage
from graphrun_checkpoints.store import Entry, ObjectExists, Store
from graphrun_checkpoints.writing import SaverOptions

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
