"""The plain Faust agent: one Table entry a customer, nothing decided. `faust -A bench.plain_agent worker`.

Tells how many records it has taken by a line on stdout, at each thousandth and, where they come slowly, at each.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import faust
import msgspec

#: Records between two lines.
EVERY = int(os.environ.get("BENCH_EVERY", "1000"))
_PARTITIONS = int(os.environ.get("BENCH_PARTITIONS", "4"))

app = faust.App(
    os.environ.get("BENCH_GROUP", "plain"),
    broker=f"kafka://{os.environ.get('BENCH_BROKER', '127.0.0.1:9092')}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="relight-bench-"),
    topic_partitions=_PARTITIONS,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    consumer_group_instance_id=os.environ.get("BENCH_MEMBER"),
    broker_session_timeout=10.0,
    broker_heartbeat_interval=1.0,
    stream_wait_empty=False,
    web_enabled=False,
)
topic = app.topic(os.environ.get("BENCH_TOPIC", "plain"), value_serializer="raw", internal=False)
decode = msgspec.json.decode
seen = app.Table("seen", partitions=_PARTITIONS)


@app.agent(topic)
async def read(stream: Any) -> None:
    """Keep when each customer was last seen."""
    taken = 0
    async for value in stream:
        if not value:
            continue  # a mark of `relight publish`
        row = decode(value)
        seen[row["customer"]] = row["at"]
        taken += 1
        if taken % EVERY == 0:
            os.write(1, f"{taken}\n".encode())  # sys.stdout is Faust's, and goes to its log
