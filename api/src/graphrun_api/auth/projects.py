"""Projects: namespaces that carry our label. A namespace without it is not served."""

from typing import Any, Final

from graphrun_core import names

Json = dict[str, Any]
PATH: Final = "/api/v1/namespaces"
SELECTOR: Final = names.LABEL_PROJECT


class Projects:
    """A sink for the reflector of labelled namespaces."""

    def __init__(self) -> None:
        self._namespaces: dict[str, tuple[str, str]] = {}  # namespace → (project id, creation time)

    def namespace_of(self, project: str) -> str | None:
        """The project's namespace. Of several with the same label the oldest counts: a later one cannot take over."""
        candidates = [(made, name) for name, (label, made) in self._namespaces.items() if label == project]
        return min(candidates)[1] if candidates else None

    def all(self) -> dict[str, str]:
        """Every project and its namespace."""
        labels = {label for label, _ in self._namespaces.values()}
        return {label: namespace for label in labels if (namespace := self.namespace_of(label))}

    def replace(self, manifests: list[Json], resource_version: int) -> None:  # noqa: ARG002 - the Sink's signature
        """Take over the full list."""
        self._namespaces.clear()
        for manifest in manifests:
            self.changed(manifest)

    def changed(self, manifest: Json) -> None:
        """A namespace got the label, or changed."""
        meta = manifest["metadata"]
        project = (meta.get("labels") or {}).get(names.LABEL_PROJECT)
        if project:
            self._namespaces[meta["name"]] = (project, meta.get("creationTimestamp") or "")
        else:
            self._namespaces.pop(meta["name"], None)

    def removed(self, manifest: Json) -> None:
        """A namespace is gone or lost the label."""
        self._namespaces.pop(manifest["metadata"]["name"], None)
