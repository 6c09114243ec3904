"""How fast mails leave through SendGrid's transport, beside a bare loop of its HTTP client and the package by itself.

One sink for all three: TLS on loopback, HTTP/1.1 with keep-alive, in a process of its own; it reads each request and
answers 202 with an id. Run it: `python bench/sendgrid_speed.py [MESSAGES]`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from relight.delivery.outgoing import Outcome, OutgoingMessage
from relight.delivery.sendgrid import SendgridAccount, SendgridTransport
from relight.delivery.sendgrid_payload import build_payload
from relight.messages.identity import message_id

#: Requests under way at once, in both asynchronous arms.
CONNECTIONS = 16
#: Rounds; each arm once a round, and the median counts.
ROUNDS = 5
#: The package is slower: so much fewer messages a round.
NAIVE_SHARE = 6
#: The answer of a mail that was taken.
ACCEPTED = 202
KEY = "SG.made-up.key"
#: The shares that the transport must reach: of the bare loop, and times the package.
BARE_SHARE_MIN, NAIVE_TIMES_MIN = 0.7, 4.0
_TEXT = "Panoların seni bekliyor, çok oldu. " * 60
_HTML = "<html><body>" + "<p style='margin:0'>Panoların seni bekliyor, çok oldu.</p>" * 320 + "</body></html>"


class Sink(asyncio.Protocol):
    """Answers every request that is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.need = transport, bytearray(), -1

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self.buffer += data
        while True:
            if self.need < 0:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                head = bytes(self.buffer[:end]).lower()
                self.closes = b"connection: close" in head
                self.need = end + 4 + int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self.buffer) < self.need:
                return
            del self.buffer[: self.need]
            self.need = -1
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\nContent-Length: 0\r\n\r\n")
            if self.closes:
                self.transport.close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return certificate and key of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = (
        built.serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=2))
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = built.sign(key, hashes.SHA256())
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(*kinds))
    return paths


async def serve(certificate: str, key: str) -> None:
    """Serve until the parent ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, ssl=context, backlog=256)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@lru_cache
def outbox(count: int) -> list[OutgoingMessage]:
    """Return messages that wait to leave."""
    return [
        OutgoingMessage(
            occurrence_key=f"{n:032x}", to_address=f"p{n}@mail.example", from_address="defne@shop.example",
            from_name="Defne", reply_to="help@shop.example", subject="Panoların", html=_HTML, text=_TEXT,
            message_id=message_id(str(n), "shop.example"), category="welcome",
            list_unsubscribe=("https://mail.shop.example/u/" + "t" * 43,),
        )
        for n in range(count)
    ]  # fmt: skip


def ours(url: str, count: int) -> None:
    """Send through the transport: payloads are built, checked and judged."""
    messages = outbox(count)

    async def go() -> None:
        transport = SendgridTransport(SendgridAccount(key=KEY, url=url, connections=CONNECTIONS))
        for begin in range(0, count, transport.batch_max):
            found = await transport.deliver(messages[begin : begin + transport.batch_max])
            assert all(one.outcome is Outcome.ACCEPTED for one in found), found[0]
        await transport.close()

    asyncio.run(go())


def bare(url: str, count: int) -> None:
    """Post one ready body again and again with the same client and as many connections."""
    body = build_payload(
        OutgoingMessage(
            occurrence_key="k", to_address="p@mail.example", from_address="defne@shop.example", subject="Panoların",
            html=_HTML, text=_TEXT, message_id="<k@shop.example>",
        )
    )  # fmt: skip

    async def go() -> None:
        left = iter(range(count))
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                for _ in left:
                    async with session.post(f"{url}/v3/mail/send", data=body) as answer:
                        await answer.read()
                        assert answer.status == ACCEPTED

            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    asyncio.run(go())


def naive(url: str, count: int) -> None:
    """Use the package as its README does: one client, one call after the other."""
    client = SendGridAPIClient(KEY, host=url)
    for n in range(count):
        mail = Mail(from_email="defne@shop.example", to_emails=f"p{n}@mail.example", subject="Panoların",
                    plain_text_content=_TEXT, html_content=_HTML)  # fmt: skip
        assert client.send(mail).status_code == ACCEPTED


def measure(arm: Callable[[str, int], None], url: str, count: int) -> tuple[float, float]:
    """Return messages a second, and CPU in µs a message of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    arm(url, count)
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6


def main(count: int) -> int:
    """Start the sink, and the measurement with its certificate trusted: clients read that when they are imported."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(Path(folder))
        arguments = [sys.executable, __file__, "--sink", str(certificate), str(key)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as sink:  # noqa: S603 - this very file
            assert sink.stdout is not None
            url = f"https://127.0.0.1:{sink.stdout.readline().strip()}"
            arguments = [sys.executable, __file__, "--measure", url, str(count)]
            environment = {**os.environ, "SSL_CERT_FILE": str(certificate)}
            done = subprocess.run(arguments, env=environment, check=False)  # noqa: S603 - this very file
            sink.kill()
    return done.returncode


def compare(url: str, count: int) -> int:
    """Print the medians; 1 where a promise is not kept."""
    arms = {"bare": bare, "ours": ours, "naive": naive}
    outbox(count)
    for arm in arms.values():
        arm(url, 32)  # first connections
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for _ in range(ROUNDS):
        for name, arm in arms.items():
            found[name].append(measure(arm, url, count // NAIVE_SHARE if name == "naive" else count))
    speed = {name: statistics.median(one for one, _ in rounds) for name, rounds in found.items()}
    cpu = {name: statistics.median(one for _, one in rounds) for name, rounds in found.items()}
    for name in arms:
        print(f"{name:<6} {speed[name]:8.0f} messages/s  {cpu[name]:7.0f} µs CPU a message")
    share, times = speed["ours"] / speed["bare"], speed["ours"] / speed["naive"]
    print(f"ours / bare {share:.2f} (promised {BARE_SHARE_MIN}), ours / naive {times:.1f} (promised {NAIVE_TIMES_MIN})")
    return 0 if share >= BARE_SHARE_MIN and times >= NAIVE_TIMES_MIN else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sink"]:
        asyncio.run(serve(*sys.argv[2:4]))
    elif sys.argv[1:2] == ["--measure"]:
        sys.exit(compare(sys.argv[2], int(sys.argv[3])))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_200))
