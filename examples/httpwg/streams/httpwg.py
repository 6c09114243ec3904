"""Turns rows of the tracker into events: which draft a request is about, and which draft a release publishes.

A label of a request names a draft, mostly by the draft's own name; DRAFT_OF_LABEL has the others.
A tag `draft-ietf-httpbis-<draft>-NN` is a release of that draft; other tags are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Labels that are not the name of the draft they stand for.
DRAFT_OF_LABEL = {
    "308bis": "rfc7238bis",
    "451": "legally-restricted-status",
    "5987bis": "rfc5987bis",
    "6265bis": "rfc6265bis",
    "encryption": "encryption-encoding",
    "opp-sec": "http2-encryption",
    "samesite": "cookie-same-site",
    "secondary-certs": "http2-secondary-certs",
    "tunnel-proto": "tunnel-protocol",
}
#: The first versions of the priorities draft were tagged with the singular.
RENAMED = {"priority": "priorities"}
TAG_START = "draft-ietf-httpbis-"


def from_row(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of one row of the file, flat: one of its own, and one for each draft a request asks about."""
    properties = row["properties"]
    flat = {key: row[key] for key in ("messageId", "timestamp", "event", "userId")}
    if row["event"] == "release_published":
        area = released_area(properties["tag"])
        if area is not None:
            yield {**flat, "event": "area_released", "area": area, "tag": properties["tag"]}
        return
    if row["event"] != "feature_requested":
        yield {**flat, **properties}
        return
    request = {"issue": properties["issue"], "title": properties["title"]}
    yield {**flat, **request, "event": "issue_opened"}
    for label in properties["labels"]:
        area = DRAFT_OF_LABEL.get(label, label)
        yield {**flat, **request, "messageId": f"{row['messageId']}/{label}", "area": area}


def released_area(tag: str) -> str | None:
    """Return the draft that a tag publishes; None where it names no version of a draft."""
    name, _, version = tag.removeprefix(TAG_START).rpartition("-")
    if not tag.startswith(TAG_START) or not name or len(version) != 2 or not version.isdigit():  # noqa: PLR2004
        return None
    return RENAMED.get(name, name)
