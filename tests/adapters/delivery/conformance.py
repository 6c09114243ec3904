"""What every way out promises. A test file of an adapter subclasses DeliveryConformance and gives a Seat."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relight.delivery import Delivery, Outcome, OutgoingMessage, Transport
from relight.delivery.outgoing import PROVIDER_TEXT_CHARACTERS_MAX, Concern
from tests.adapters.delivery.mail_kit import message


class Seat(abc.ABC):
    """A transport and the outside it talks to, for one test."""

    transport: Transport

    @abc.abstractmethod
    def received(self) -> list[tuple[str, str, str]]:
        """Return (occurrence key or what stands for it, address, subject or body) of what the outside has, sorted."""

    @abc.abstractmethod
    async def lose(self) -> None:
        """Take the outside away, so that nothing can be handed over."""


class DeliveryConformance(abc.ABC):
    #: A message that this adapter can never hand over.
    hopeless: OutgoingMessage = message("bad", subject="a\nb")

    @abc.abstractmethod
    def open_seat(self, folder: Path) -> contextlib.AbstractAsyncContextManager[Seat]: ...

    def make(self, key: str) -> OutgoingMessage:
        return message(key, to_address=f"{key}@mail.example", subject=f"For {key}")

    def received_as(self, one: OutgoingMessage) -> tuple[str, str, str]:
        return (one.message_id, one.to_address, one.subject)

    def run(self, folder: Path, *rounds: Sequence[OutgoingMessage], **given: Any) -> tuple[list[list[Delivery]], Any]:
        async def go() -> tuple[list[list[Delivery]], Any]:
            async with self.open_seat(folder) as seat:
                found = [await seat.transport.deliver(batch, **given) for batch in rounds]
                await seat.transport.close()
                await seat.transport.close()
                return found, seat.received()

        return asyncio.run(go())

    def test_a_batch_arrives(self, tmp_path: Path) -> None:
        """Each message arrives once, with its own address and words (I19), and the deliveries stand in the batch's order."""
        batch = [self.make(f"k{n}") for n in range(25)]
        (found,), received = self.run(tmp_path, batch)
        assert [(one.key, one.outcome) for one in found] == [(m.occurrence_key, Outcome.ACCEPTED) for m in batch]
        assert received == sorted(self.received_as(one) for one in batch)

    def test_nothing_is_nothing(self, tmp_path: Path) -> None:
        """An empty batch is no call."""
        assert self.run(tmp_path, []) == ([[]], [])

    def test_one_bad_message_delays_nobody(self, tmp_path: Path) -> None:
        """What can never leave is rejected with its reason; its neighbours leave (I13)."""
        (found,), received = self.run(tmp_path, [self.make("k1"), self.hopeless, self.make("k2")])
        assert [one.outcome for one in found] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
        assert found[1].provider_text
        assert received == sorted(self.received_as(self.make(key)) for key in ("k1", "k2"))

    def test_nothing_begins_without_leave(self, tmp_path: Path) -> None:
        """Where the lease is too short no message leaves, and none is called failed or tried (S5, I14)."""
        (found, _), received = self.run(tmp_path, [self.make("k1"), self.make("k2")], [], may_begin=lambda: False)
        assert [(one.outcome, one.begun) for one in found] == [(Outcome.RETRY, False)] * 2
        assert received == []

    def test_a_second_time_is_what_the_adapter_says(self, tmp_path: Path) -> None:
        """An idempotent way out makes one of two; the others say that they make two."""

        async def go() -> tuple[bool, int]:
            async with self.open_seat(tmp_path) as seat:
                for _ in range(2):
                    await seat.transport.deliver([self.make("k1")])
                await seat.transport.close()
                return seat.transport.idempotent, len(seat.received())

        is_idempotent, count = asyncio.run(go())
        assert count == (1 if is_idempotent else 2)

    def test_a_lost_outside_spends_no_attempt(self, tmp_path: Path) -> None:
        """Where nobody can be reached, nothing was sent, no message is at fault, and what it says fits a journal."""

        async def go() -> list[Delivery]:
            async with self.open_seat(tmp_path) as seat:
                await seat.lose()
                found = await seat.transport.deliver([self.make("k1"), self.make("k2")])
                await seat.transport.close()
                assert seat.received() == []
                return found

        for one in asyncio.run(go()):
            spends_nothing = one.outcome is Outcome.CONFIGURATION or (
                one.outcome is Outcome.RETRY and one.concern is Concern.PROVIDER
            )
            assert spends_nothing, one
            assert 0 < len(one.provider_text) <= PROVIDER_TEXT_CHARACTERS_MAX
            assert one.provider_text.isprintable()

    def test_a_look_up_claims_only_what_is_known(self, tmp_path: Path) -> None:
        """A key that nobody handed over is not known; one that was is accepted or not known, never anything else."""

        async def go() -> None:
            async with self.open_seat(tmp_path) as seat:
                await seat.transport.deliver([self.make("k1")])
                known = await seat.transport.look_up(["k1", "never"])
                await seat.transport.close()
                assert "never" not in known
                assert all(one.outcome is Outcome.ACCEPTED for one in known.values())

        asyncio.run(go())

    def test_it_says_how_much_it_takes(self, tmp_path: Path) -> None:
        """A batch has a limit, and a whole one arrives."""

        async def go() -> None:
            async with self.open_seat(tmp_path) as seat:
                most = seat.transport.batch_max
                assert 0 < most <= 1_000
                found = await seat.transport.deliver([self.make(f"k{n}") for n in range(most)])
                await seat.transport.close()
                assert {one.outcome for one in found} == {Outcome.ACCEPTED}
                assert len(seat.received()) == most

        asyncio.run(go())
