"""The audit log beside the store: what people ordered by hand and when, a line of JSON each; addresses are masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.instants import iso_utc
from relight.base.masking import mask_addresses
from relight.stores.opening import SQLITE_DEFAULT

if TYPE_CHECKING:
    from relight.config.settings import StoreSettings

#: Name of the audit log beside the store.
AUDIT_FILE = "audit.ndjson"


def audit_path(settings: StoreSettings, folder: Path) -> Path:
    """Return where a project's audit log stands. folder: the project's."""
    return (folder / (settings.sqlite or SQLITE_DEFAULT)).parent / AUDIT_FILE


def write_audit(path: Path, *, at: int, order: str, subject: str, by: str, to: str = "") -> None:  # noqa: PLR0913 - a line
    """Add an order, before it is given; raises OSError. at: µs; by: what it came through; to: an address or nothing."""
    line = {"at": iso_utc(at), "order": order, "subject": mask_addresses(subject), "by": by}
    if to:
        line["to"] = mask_addresses(to)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
