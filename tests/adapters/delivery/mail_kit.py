"""A message, and a scripted SMTP server, for the tests of delivery."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from socket import SO_LINGER, SOL_SOCKET

from relight.delivery import OutgoingMessage
from relight.messages.identity import message_id

MESSAGE = OutgoingMessage(
    occurrence_key="k1", to_address="ada@mail.example", to_name="Ada Örnek", from_address="defne@shop.example",
    from_name="Defne at Shop", reply_to="help@shop.example", subject="Panoların seni bekliyor",
    html="<p>Merhaba <b>Ada</b>, çok oldu.</p>\n", text="Merhaba Ada, çok oldu.\n",
    message_id=message_id("k1", "shop.example"),
    list_unsubscribe=("https://mail.shop.example/u/" + "t" * 43, "mailto:unsubscribe@shop.example"),
    scheduled=1_772_355_600_000_000,
)  # fmt: skip


def message(key: str = "k1", **changes: object) -> OutgoingMessage:
    changed = {"occurrence_key": key, "message_id": message_id(key, "shop.example"), **changes}
    return replace(MESSAGE, **changed)  # type: ignore[arg-type]


class ScriptedServer:
    """Speaks just enough SMTP, and ends as its script says. Keeps what it stored, and every command."""

    def __init__(self, ending: str) -> None:
        self.ending = ending
        self.stored: list[bytes] = []
        self.commands: list[str] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 scripted\r\n")
        replies = {"EHLO": b"250-scripted\r\n250 SIZE 9999999\r\n", "MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n",
                   "RSET": b"250 ok\r\n", "QUIT": b"221 bye\r\n"}  # fmt: skip
        while line := await reader.readline():
            word = line[:4].decode("ascii", "replace").upper()
            self.commands.append(word)
            ending = self.ending
            if ending == f"drop {word}":
                return
            if ending.startswith(f"answer {word} "):
                writer.write(ending.split(" ", 2)[2].encode() + b"\r\n")
                continue
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                if ending == "drop in DATA":
                    await reader.read(10)
                    return
                self.stored.append(await reader.readuntil(b"\r\n.\r\n"))
                if not await self._end_data(writer, ending):
                    return
                continue
            writer.write(replies.get(word, b"500 what\r\n"))
            if word == "QUIT":
                return

    async def _end_data(self, writer: asyncio.StreamWriter, ending: str) -> bool:
        """Return whether the connection goes on."""
        if ending == "stall":
            await asyncio.Event().wait()
        if ending == "reset":
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        last = {"close": b"", "451": b"451 stored, but say it again\r\n", "cut 250": b"250 O",
                "cut lines": b"250-O\r\n",
                "550": b"550 no\r\n", "rubbish": b"hello\r\n"}.get(ending, b"250 stored as 7\r\n")  # fmt: skip
        writer.write(last)
        return ending not in {"close", "cut 250", "cut lines"}


@contextlib.asynccontextmanager
async def scripted(ending: str) -> AsyncIterator[tuple[ScriptedServer, int]]:
    server = ScriptedServer(ending)
    tasks: set[asyncio.Task[None]] = set()
    listening = await asyncio.start_server(_kept(server.serve, tasks), "127.0.0.1", 0)
    try:
        yield server, listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _kept(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]],
    tasks: set[asyncio.Task[None]],
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    return start
