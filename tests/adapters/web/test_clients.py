"""Published clients, unchanged, against our endpoints: what they send is durable before they hear 200 (clients.md)."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import customerio.analytics
import posthog
import pytest
import rudderstack.analytics.client
import segment.analytics
from starlette.applications import Starlette

from relight.base.errors import BackpressureError
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import InboxKind, NewEntry, event_rows
from relight.stores.write_keys import WriteKeys
from relight.web.ingest.commit_queue import CommitQueue
from relight.web.ingest.http import Ingestion, ingest_routes
from relight.web.ingest.limits import REQUEST_BYTES_MAX
from relight.web.ingest.quota import Quota
from tests.adapters.web.serving import served

NODE = Path(__file__).parent / "node"
KEY = "rlk_" + "k" * 43
NOW = 1_795_341_600_000_000


@dataclass(slots=True, kw_only=True)
class Place:
    """A running server and what stands behind it."""

    port: int
    inbox: Inbox
    keys: WriteKeys
    ingestion: Ingestion

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows in the inbox, as a process would read them that opens it now."""
        again = Inbox.open(self.inbox.path)
        try:
            entries = [one for one in again.read_after(0) if one.kind is InboxKind.EVENT]
            return [json.loads(row) for one in entries for row in event_rows(one.body)]
        finally:
            again.close()

    def words(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.inbox.words_after(0)]

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", path, body, {"Content-Type": "application/json", **named})
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"{}")
            return answer.status, told, dict(answer.getheaders())
        finally:
            connection.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    inbox, keys = Inbox.open(tmp_path / "relight.inbox.db"), WriteKeys.open(tmp_path / "relight.keys.db")
    keys.add(KEY, stream="shop", name="test", now=NOW)
    ingestion = Ingestion(
        keys=keys,
        queue=CommitQueue[NewEntry](inbox.put),
        quota=Quota(rate=None, clock=time.monotonic),
        clock=lambda: time.time_ns() // 1000,
        seconds=time.monotonic,
        streams=frozenset({"shop"}),
    )
    with served(Starlette(routes=ingest_routes(ingestion))) as port:
        yield Place(port=port, inbox=inbox, keys=keys, ingestion=ingestion)
    inbox.close()
    keys.close()


def basic(key: str = KEY) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "order", "userId": "u1", "messageId": f"m{number}"} | more


def batch(*items: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"batch": list(items), **more}).encode()


# ---------------------------------------------------------------- the published clients
def _segment(place: Place) -> None:
    _five_calls(segment.analytics.Client(KEY, host=place.url, on_error=_fail))


def _rudder(place: Place) -> None:
    _five_calls(rudderstack.analytics.client.Client(KEY, host=place.url, on_error=_fail))


def _customerio(place: Place) -> None:
    _five_calls(customerio.analytics.Client(KEY, host=place.url, on_error=_fail))


def _five_calls(client: Any) -> None:
    """What the clients of Segment's family have in common."""
    client.identify("u1", {"email": "ada@mail.example"})
    client.track("u1", "Order Completed", {"total": 12.5})
    client.page("u1", "docs", "Home")
    client.group("u1", "acme", {"plan": "team"})
    client.alias("a1", "u1")
    client.flush()
    client.join()


def _posthog(place: Place) -> None:
    client = posthog.Posthog(KEY, host=place.url, on_error=_fail, disable_geoip=True)
    client.set(distinct_id="u1", properties={"email": "ada@mail.example"})
    client.capture("Order Completed", distinct_id="u1", properties={"total": 12.5})
    client.capture("$pageview", distinct_id="u1")
    client.group_identify("company", "acme", {"plan": "team"}, distinct_id="u1")
    client.alias("a1", "u1")
    client.flush()
    client.join()


def _segment_node(place: Place) -> None:
    """Run Segment's client for Node, installed as its lock says."""
    with TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", "five_calls.mjs"):
            shutil.copy(NODE / name, folder)
        npm, node = _program("npm"), _program("node")
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=120)
        subprocess.run([node, "five_calls.mjs", place.url, KEY], cwd=folder, check=True, timeout=60)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _fail(*details: object) -> None:
    raise AssertionError(details)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")  # the clients' own
@pytest.mark.parametrize(
    "send", [_segment, _segment_node, _rudder, _customerio, _posthog], ids=lambda send: send.__name__[1:]
)
def test_a_published_client_runs_unchanged(place: Place, send: Callable[[Place], None]) -> None:
    """Each client's five calls are five rows of the declared stream, and its alias a merge (V4)."""
    send(place)
    found = place.rows()
    assert [row["type"] for row in found] == ["identify", "track", "page", "group", "alias"]
    track = found[1]
    assert (track["event"], track["userId"], track["properties"]["total"]) == ("Order Completed", "u1", 12.5)
    assert all(row["messageId"] for row in found)
    traits = found[0].get("traits") or found[0]["context"]["traits"]
    assert traits["email"] == "ada@mail.example"
    assert found[3]["groupId"] == "acme"
    assert [(word["kind"], word["customer"], word["subject"]) for word in place.words()] == [("merge", "u1", "a1")]


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["segment_python", "segment_node"])
def test_captured_requests_are_taken(place: Place, name: str) -> None:
    """What clients sent elsewhere, byte for byte, is taken: explicit nulls, local times, `_metadata`."""
    folder = os.environ.get("RELIGHT_DATA")
    if not folder:
        pytest.skip("RELIGHT_DATA is not set")
    captured = json.loads((Path(folder) / "peer_captures" / f"{name}.jsonl").read_text().splitlines()[0])
    status, told, _ = place.post(captured["path"], captured["body"].encode(), Authorization=basic())
    assert (status, "parked" in told) == (200, False)
    assert len(place.rows()) == len(json.loads(captured["body"])["batch"])


# ---------------------------------------------------------------- what is answered when
def test_the_answer_is_exactly_200_and_names_what_was_parked(place: Place) -> None:
    """One item's fault never fails its batch: three rows are durable, the answer lists the one that is no event."""
    status, told, _ = place.post("/v1/batch", batch(item(1), item(2, userId=None), item(3)), Authorization=basic())
    assert status == 200
    assert (told["parked_count"], told["parked"][0]["item"]) == (1, 1)
    assert len(place.rows()) == 3


@pytest.mark.parametrize("how", ["basic", "bearer", "writeKey", "api_key"])
def test_a_key_may_stand_in_four_places(place: Place, how: str) -> None:
    """Basic with the key as user, Bearer, `writeKey` or `api_key` in the body."""
    headers = {"basic": {"Authorization": basic()}, "bearer": {"Authorization": f"Bearer {KEY}"}}.get(how, {})
    more = {how: KEY} if how in ("writeKey", "api_key") else {}
    assert place.post("/v1/batch", batch(item(1), **more), **headers)[0] == 200


@pytest.mark.parametrize("key", [None, "rlk_wrong", KEY + "x"])
def test_an_unknown_key_is_401_with_a_code(place: Place, key: str | None) -> None:
    """Without `code` two SDKs raise inside and repeat the batch; nothing is kept."""
    headers = {} if key is None else {"Authorization": basic(key)}
    status, told, _ = place.post("/v1/batch", batch(item(1)), **headers)
    assert (status, told["code"]) == (401, "unknown_key")
    assert {"code", "message", "detail"} <= told.keys()
    assert place.rows() == []


def test_a_revoked_key_works_no_more(place: Place) -> None:
    """A key that is revoked is refused, once what was looked up before is forgotten."""
    place.keys.revoke(1, NOW)
    assert place.post("/v1/batch", batch(item(1)), Authorization=basic())[0] == 401


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"no json", {}, "not_json"),
        (b"{}", {}, "no_batch"),
        (b"x", {"Content_Encoding": "gzip"}, "bad_gzip"),
        (b"x", {"Content_Encoding": "br"}, "bad_encoding"),
    ],
)
def test_a_body_that_cannot_be_read_is_400_with_a_code(
    place: Place, body: bytes, headers: dict[str, str], code: str
) -> None:
    """400 with `code`, `message` and `detail`, and nothing is kept."""
    status, told, _ = place.post("/v1/batch", body, Authorization=basic(), **headers)
    assert (status, told["code"]) == (400, code)


def test_a_request_that_is_too_large_is_400(place: Place) -> None:
    """REQUEST_BYTES_MAX bytes are read and no more."""
    status, told, _ = place.post("/v1/batch", b" " * (REQUEST_BYTES_MAX + 1), Authorization=basic())
    assert (status, told["code"]) == (400, "too_large")


def test_gzip_is_taken(place: Place) -> None:
    """`Content-Encoding: gzip` is what one client sends by default."""
    packed = gzip.compress(batch(item(1)))
    assert place.post("/v1/batch", packed, Authorization=basic(), Content_Encoding="gzip")[0] == 200
    assert len(place.rows()) == 1


def test_over_quota_is_429_with_the_time_to_wait(place: Place) -> None:
    """`Retry-After` and `X-RateLimit-Reset` say when; nothing of the request is kept."""
    place.ingestion.quota = Quota(rate=0.1, clock=lambda: 0.0)
    assert place.post("/v1/batch", batch(item(1)), Authorization=basic())[0] == 200
    status, told, headers = place.post("/v1/batch", batch(item(2)), Authorization=basic())
    assert (status, told["code"], headers["retry-after"]) == (429, "over_quota", "10")
    assert int(headers["x-ratelimit-reset"]) > time.time()
    assert len(place.rows()) == 1


def test_what_is_not_durable_is_503(place: Place) -> None:
    """Never a 2xx for an event we could lose: a full disk is 503 with `Retry-After`, and the client sends again."""

    def full(_entries: object) -> None:
        raise BackpressureError("no room on the disk")

    working, place.ingestion.queue = place.ingestion.queue, CommitQueue[NewEntry](full)
    status, told, headers = place.post("/v1/batch", batch(item(1)), Authorization=basic())
    assert (status, told["code"], "retry-after" in headers) == (503, "not_durable", True)
    place.ingestion.queue = working
    assert place.post("/v1/batch", batch(item(1)), Authorization=basic())[0] == 200


def test_an_idempotency_key_with_another_body_is_409(place: Place) -> None:
    """As Stripe does; with the same body it is taken again, and the events' own ids leave one of each (V1)."""
    again = {"Authorization": basic(), "Idempotency_Key": "a"}
    assert [place.post("/v1/batch", batch(item(1)), **again)[0] for _ in range(2)] == [200, 200]
    status, told, _ = place.post("/v1/batch", batch(item(2)), **again)
    assert (status, told["code"]) == (409, "idempotency_key_reused")


def test_cloud_events_and_ndjson(place: Place) -> None:
    """`POST /v1/events` by its content type; another type is refused and names what is expected."""
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order", "subject": "u1"}
    send = [
        (json.dumps(event).encode(), "application/cloudevents+json"),
        (json.dumps([event, event]).encode(), "application/cloudevents-batch+json"),
        (b'{"id": 1}\n{"id": 2}\n', "application/x-ndjson"),
    ]
    for body, kind in send:
        assert place.post("/v1/events", body, Authorization=basic(), Content_Type=kind)[0] == 200
    assert len(place.rows()) == 5
    status, told, _ = place.post("/v1/events", b"x", Authorization=basic(), Content_Type="text/plain")
    assert (status, told["code"]) == (400, "bad_content_type")
