"""What every store promises. A test file of an adapter subclasses StoreConformance and gives a fresh store."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from relight.base.errors import StoreError
from relight.base.instants import DAY
from relight.messages.addresses import UNSUBSCRIBED, address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import OutboxMessage
from relight.messages.life import MessageCause, MessageState
from relight.messages.reasons import RowState
from relight.rules.world import SOFT_BOUNCES, SOFT_SUPPRESSED_SPAN
from relight.stores.interface import (
    Batch,
    Claim,
    LetterEnd,
    PoolCount,
    Profile,
    Refusal,
    Settlement,
    Store,
    Suppression,
)
from relight.stores.listing import EPOCH_ORDINAL, RowWish, Tally
from relight.streams.envelope import Control, Event, Record
from tests.adapters.stores.examples import (
    MINUTE,
    T0,
    batch_of,
    entries,
    make_control,
    make_event,
    make_letter,
    make_message,
    make_row,
    plain,
)


def claim_one(store: Store, now: int = T0) -> Claim:
    claimed = store.claim(now, 10, owner="sender", lease=MINUTE)
    assert len(claimed.ready) == 1
    return claimed.ready[0]


def settlement(claim: Claim, cause: MessageCause, *, retry_at: int | None = None) -> Settlement:
    return Settlement(
        occurrence_key=claim.message.occurrence_key,
        token=claim.token,
        cause=cause,
        text="250 ok",
        provider_id="p-1",
        at=T0 + 1,
        retry_at=retry_at,
    )


class StoreConformance(abc.ABC):
    @abc.abstractmethod
    def make_store(self, folder: Path) -> Store: ...

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        made = self.make_store(tmp_path)
        yield made
        made.close()

    def test_a_new_store_is_empty(self, store: Store) -> None:
        """A new store has no record, no position and has reached no instant."""
        assert (store.last_position(), store.positions(), store.reached()) == (0, {}, None)
        assert (list(store.read_log()), list(store.ledger()), list(store.customers())) == ([], [], [])
        assert (store.checkpoint_position(), store.checkpoint_meta(), store.pending_count()) == (0, {}, 0)

    def test_records_come_back_in_order(self, store: Store) -> None:
        """Records get positions from 1 on in the order of the batch and come back equal."""
        records: list[Record] = [
            make_event(1),
            make_control(given=True),
            make_event(2, customer=None),
            make_event(3, customer="böb"),
        ]
        assert store.append(batch_of(*records[:3])).last_position == 3
        assert store.append(batch_of(records[3])).last_position == 4
        assert [(p, plain(r)) for p, r in store.read_log()] == [(i, plain(r)) for i, r in enumerate(records, 1)]
        assert [p for p, _ in store.read_log(1, limit=2)] == [2, 3]
        assert plain(store.body_at(2)) == plain(records[1])
        with pytest.raises(StoreError, match="no record 5"):
            store.body_at(5)

    def test_kinds_of_records_are_kept_apart(self, store: Store) -> None:
        """A control record comes back as one, an event as one."""
        store.append(batch_of(make_control(), make_event(1)))
        assert [type(record) for _, record in store.read_log()] == [Control, Event]

    def test_one_customers_log(self, store: Store) -> None:
        """A customer's log holds its events and control records; global records have a log of their own."""
        store.append(batch_of(make_event(1), make_event(2, customer="bob"), make_control()))
        store.append(batch_of(make_control("pause", customer=None), make_event(1, customer=None), make_event(3)))
        assert [p for p, _ in store.customer_log("ada")] == [1, 3, 6]
        assert [p for p, _ in store.customer_log("ada", after=1)] == [3, 6]
        assert [p for p, _ in store.customer_log("bob")] == [2]
        assert [p for p, _ in store.customer_log("eve")] == []
        assert [p for p, _ in store.global_log()] == [4, 5]

    def test_known_events_are_found(self, store: Store) -> None:
        """An event is known by (stream, customer, id) together, whatever its body."""
        store.append(batch_of(make_event(1), make_event(1, customer=None), make_event(2)))
        asked = [("app", "ada", "1"), ("app", None, "1"), ("web", "ada", "1"), ("app", "bob", "1"), ("app", "ada", "2")]
        assert store.find_known([*asked, ("app", "ada", "3")]) == [1, 2, None, None, 3, None]
        assert store.find_known([]) == []

    def test_a_batch_carries_positions_and_counts(self, store: Store) -> None:
        """Positions replace, tallies and differing duplicates add, and the instant reached never goes back."""
        tally = Tally(rule="quiet", reason="already_entered", day=739_000, count=2)
        store.append(Batch(positions={"b": "7", "a": "1"}, reached=T0, tallies=[tally], duplicates_differing=1))
        store.append(Batch(positions={"a": "2"}, reached=T0 - 5, tallies=[tally], duplicates_differing=2))
        assert store.positions() == {"a": "2", "b": "7"}
        assert store.reached() == T0
        assert store.tallies() == [Tally(rule="quiet", reason="already_entered", day=739_000, count=4)]
        store.append(Batch(tallies=[replace(tally, day=739_001)]))
        assert store.tally_totals() == {("quiet", "already_entered"): 6}
        assert store.duplicates_differing() == 3

    def test_a_ledger_row_is_written_once(self, store: Store) -> None:
        """A second row of a key changes nothing: it is counted, and returned when it says something else."""
        assert store.append(Batch(rows=[make_row(1), make_row(2)])).rows_known == 0
        other = make_row(2, leaf="plan = 'pro'")
        again = store.append(Batch(rows=[make_row(1), other, make_row(3)]))
        assert (again.rows_known, again.conflicts) == (2, (other,))
        assert list(store.ledger()) == [make_row(1), make_row(2), make_row(3)]
        assert store.ledger_for(other.occurrence_key) == make_row(2)
        assert store.ledger_for("0" * 32) is None

    def test_the_ledger_is_asked_by_rule_customer_and_time(self, store: Store) -> None:
        """Each wish narrows the rows; together they narrow further."""
        whose = [("q", "a"), ("q", "b"), ("r", "a"), ("r", "b"), ("r", "a")]
        rows = [make_row(i, rule=r, customer=c, judged=T0 + i) for i, (r, c) in enumerate(whose)]
        store.append(Batch(rows=rows))
        assert list(store.ledger(rule="r")) == rows[2:]
        assert list(store.ledger(customer="a")) == [rows[0], rows[2], rows[4]]
        assert list(store.ledger(rule="r", customer="a", since=T0 + 3)) == [rows[4]]
        assert list(store.ledger(limit=2)) == rows[:2]

    def test_rows_are_counted_by_day_and_listed_newest_first(self, store: Store) -> None:
        """Counts and pages of rows serve the web pages; a row that is known already counts once."""
        rows = [make_row(i, rule="qr"[i % 2], judged=T0 + i * DAY) for i in range(5)]
        store.append(Batch(rows=rows))
        store.append(Batch(rows=[rows[0], make_row(7, rule="q", judged=T0)]))
        counts = {(one.rule, one.day - EPOCH_ORDINAL): one.count for one in store.row_counts()}
        first = T0 // DAY
        assert counts == {
            ("q", first): 2,
            ("q", first + 2): 1,
            ("q", first + 4): 1,
            ("r", first + 1): 1,
            ("r", first + 3): 1,
        }
        listed = store.newest_rows(RowWish(rule="r"), limit=10)
        assert [row for _, row in listed] == [rows[3], rows[1]]
        assert store.newest_rows(RowWish(rule="r"), before=listed[0][0], limit=1) == listed[1:]
        assert [row for _, row in store.newest_rows(RowWish(), limit=1)] == [make_row(7, rule="q", judged=T0)]
        assert store.newest_rows(RowWish(customer="nobody"), limit=9) == []
        assert store.row_counts(since=EPOCH_ORDINAL + first + 3) == [
            one for one in store.row_counts() if one.day >= EPOCH_ORDINAL + first + 3
        ]
        assert store.row_counts(state="entered") == []
        assert store.row_counts(since=EPOCH_ORDINAL + first + 3, state="pending") == store.row_counts(
            since=EPOCH_ORDINAL + first + 3
        )
        totals = {(one.rule, one.state, one.day - EPOCH_ORDINAL): one.count for one in store.row_totals()}
        assert totals == {("q", "pending", first + 4): 4, ("r", "pending", first + 3): 2}

    def test_rows_of_several_kinds_come_merged(self, store: Store) -> None:
        """Whatever rows are narrowed by, the newest of all kinds come first, and a page goes on where the last ended."""
        kinds = [("pending", None), ("suppressed", "no_consent"), ("suppressed", "exit"), ("held_out", "holdout")]
        rows = [
            msgspec.structs.replace(
                make_row(i, rule="qr"[i % 2], customer="abc"[i % 3]),
                state=RowState(kinds[i % 4][0]), reason=kinds[i % 4][1], step="" if i % 5 else "mail",
            )
            for i in range(40)
        ]  # fmt: skip
        store.append(Batch(rows=rows))
        wishes = [{}, {"rule": "q"}, {"state": "suppressed"}, {"reason": "exit"}, {"step": ""}, {"customer": "b"},
                  {"rule": "r", "reason": "no_consent"}, {"customer": "a", "state": "held_out"}]  # fmt: skip
        for wish in wishes:
            expected = [row for row in reversed(rows) if all((getattr(row, k) or "") == v for k, v in wish.items())]
            first = store.newest_rows(RowWish(**wish), limit=3)
            rest = store.newest_rows(RowWish(**wish), before=first[-1][0], limit=99)
            assert [row for _, row in first + rest] == expected, wish

    def test_messages_are_listed_by_rule_and_state(self, store: Store) -> None:
        """Where messages are is asked by key, and the newest of a rule in some states come in pages."""
        rules = ["q", "r", "q", "q", "r"]
        messages = [msgspec.structs.replace(make_message(i), rule=rule) for i, rule in enumerate(rules)]
        store.append(Batch(outbox=messages))
        keys = [one.occurrence_key for one in messages]
        for claim in store.claim(T0, 3, owner="sender", lease=MINUTE).ready[:2]:
            store.settle([settlement(claim, MessageCause.PROVIDER_ACCEPTED)])
        accepted, sending, waiting = MessageState.ACCEPTED, MessageState.SENDING, MessageState.PENDING
        assert store.message_states([*keys[1:4], "none"]) == {keys[1]: accepted, keys[2]: sending, keys[3]: waiting}
        counted = {(one.rule, one.state): one.count for one in store.rule_message_counts()}
        assert counted == {
            ("q", accepted): 1,
            ("q", sending): 1,
            ("q", waiting): 1,
            ("r", accepted): 1,
            ("r", waiting): 1,
        }
        first = store.newest_messages("q", [accepted, waiting], limit=1)
        assert [key for _, key in first] == [keys[3]]
        assert [key for _, key in store.newest_messages("q", [accepted, waiting], before=first[0][0], limit=9)] == [
            keys[0]
        ]
        assert [key for _, key in store.newest_messages(None, [accepted], limit=9)] == [keys[1], keys[0]]
        assert [one.state for one in store.attempts_of("ada")] == [accepted, accepted]
        assert store.attempts_of("eve") == []

    def test_a_message_is_claimed_when_it_is_due(self, store: Store) -> None:
        """A message is not claimed before its time; then it is sending with its lease, and nobody else gets it."""
        store.append(Batch(outbox=[make_message(1, scheduled=T0 + 1), make_message(2)]))
        store.append(Batch(outbox=[make_message(2)]))
        claim = claim_one(store)
        assert (claim.message, claim.token, claim.lease_until) == (make_message(2), 1, T0 + MINUTE)
        assert store.claim(T0, 10, owner="other", lease=MINUTE).ready == ()
        assert store.message_counts() == {MessageState.PENDING: 1, MessageState.SENDING: 1}
        assert store.pending_count() == 2

    def test_what_is_due_is_counted(self, store: Store) -> None:
        """A message that waits counts once its time has come, and no longer once it is being sent."""
        store.append(Batch(outbox=[make_message(1, scheduled=T0 + 1), make_message(2), make_message(3)]))
        assert [store.due_count(at) for at in (T0 - 1, T0, T0 + 1)] == [0, 2, 3]
        store.claim(T0, 1, owner="sender", lease=MINUTE)
        assert [store.due_count(at) for at in (T0, T0 + 1)] == [1, 2]

    def test_claims_come_in_order_and_within_the_limit(self, store: Store) -> None:
        """What is due longest is claimed first."""
        store.append(Batch(outbox=[make_message(i, scheduled=T0 - i) for i in range(4)]))
        taken = store.claim(T0, 3, owner="sender", lease=MINUTE).ready
        assert [one.message.scheduled for one in taken] == [T0 - 3, T0 - 2, T0 - 1]

    def test_a_claim_of_some_keys_looks_at_no_other_message(self, store: Store) -> None:
        """S5: a claim that names keys takes those that are due, in order and within the limit; nothing else is taken,
        refused or asked about, and what it took is taken once.
        """
        messages = [make_message(n, scheduled=T0 - n, expires_at=T0 - 1 if n == 5 else None) for n in range(6)]
        store.append(Batch(outbox=[*messages, make_message(7, scheduled=T0 + 1)]))
        keys = [make_message(n).occurrence_key for n in (1, 3, 7)]
        asked: list[str] = []

        def look(due: Sequence[OutboxMessage]) -> Mapping[str, Refusal]:
            asked.extend(one.occurrence_key for one in due)
            return {}

        assert store.claim(T0, 10, owner="sender", lease=MINUTE, look=look, only=()).ready == ()
        (first,) = store.claim(T0, 1, owner="sender", lease=MINUTE, look=look, only=[*keys, "nobody's"]).ready
        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE, look=look, only=keys)
        assert [first.message, *(one.message for one in claimed.ready)] == [messages[3], messages[1]]
        assert (claimed.expired, claimed.suppressed) == ((), ())
        assert asked == [messages[3].occurrence_key, messages[1].occurrence_key]
        assert store.claim(T0, 10, owner="other", lease=MINUTE, only=keys).ready == ()
        assert store.message_counts() == {MessageState.PENDING: 5, MessageState.SENDING: 2}
        store.settle([settlement(first, MessageCause.RETRY)])
        rest = store.claim(T0, 10, owner="sender", lease=MINUTE)
        assert [one.message for one in rest.ready] == [messages[4], messages[3], messages[2], messages[0]]
        assert [one.occurrence_key for one in rest.expired] == [messages[5].occurrence_key]

    def test_a_settled_message_has_an_attempt(self, store: Store) -> None:
        """An accepted message is accepted, and the journal says by which token and with what answer."""
        store.append(Batch(outbox=[make_message(1)]))
        claim = claim_one(store)
        assert store.settle([settlement(claim, MessageCause.PROVIDER_ACCEPTED)]) == [MessageState.ACCEPTED]
        (attempt,) = store.attempts()
        assert (attempt.occurrence_key, attempt.token, attempt.state) == (claim.message.occurrence_key, 1, "accepted")
        assert (attempt.number, attempt.text, attempt.provider_id, attempt.at) == (1, "250 ok", "p-1", T0 + 1)
        assert (attempt.rule, attempt.customer, attempt.step) == ("quiet", "ada", "mail")
        assert list(store.attempts(1)) == []
        assert store.pending_count() == 0

    def test_waiting_for_a_provider_spends_no_attempt(self, store: Store) -> None:
        """Attempts count the tries at a message, not its claims: a provider that is down spends none (I17)."""
        store.append(Batch(outbox=[make_message(1)]))
        for spends, before in ((True, 0), (False, 1), (False, 1), (True, 1), (True, 2)):
            claim = claim_one(store)
            assert claim.attempts == before
            store.settle([replace(settlement(claim, MessageCause.RETRY), spends=spends)])
        assert claim_one(store).token == 6
        assert store.expired_leases(T0 + MINUTE + 1)[0].attempts == 3

    def test_a_retry_without_an_instant_keeps_its_place(self, store: Store) -> None:
        """What goes back without a wish is claimed in its old order."""
        store.append(Batch(outbox=[make_message(i, scheduled=T0 - 9 + i) for i in range(3)]))
        first = store.claim(T0, 1, owner="sender", lease=MINUTE).ready[0]
        store.settle([settlement(first, MessageCause.RETRY)])
        again = store.claim(T0, 3, owner="sender", lease=MINUTE).ready
        assert [c.message.scheduled for c in again] == [T0 - 9, T0 - 8, T0 - 7]

    def test_what_left_is_counted_by_minute(self, store: Store) -> None:
        """Accepted and unknown count, once and in their minute; what was refused or tried again does not."""
        store.append(Batch(outbox=[make_message(i) for i in range(5)]))
        causes = (MessageCause.PROVIDER_ACCEPTED, MessageCause.NO_ANSWER, MessageCause.RETRY, MessageCause.LEASE_RAN_OUT,
                  MessageCause.PROVIDER_ACCEPTED)  # fmt: skip
        claims = store.claim(T0, 10, owner="sender", lease=MINUTE).ready
        for n, (claim, cause) in enumerate(zip(claims, causes, strict=True)):
            store.settle([replace(settlement(claim, cause), at=T0 + n * MINUTE)])
        minutes = [T0 - T0 % MINUTE + n * MINUTE for n in (0, 1, 4)]
        assert store.handed_over(T0) == [(minute, 1) for minute in minutes]
        assert store.handed_over(T0 + 1) == [(minute, 1) for minute in minutes[1:]]

    def test_settled_messages_do_not_keep_their_bodies(self, store: Store) -> None:
        """Once settled long enough, subject and text go; what may still have to leave keeps them; the journal stays."""
        store.append(Batch(outbox=[make_message(i) for i in range(4)]))
        claims = store.claim(T0, 3, owner="sender", lease=MINUTE).ready
        for claim, cause in zip(claims, (MessageCause.PROVIDER_ACCEPTED, MessageCause.NO_ANSWER,
                                         MessageCause.PROVIDER_REJECTED), strict=True):  # fmt: skip
            store.settle([settlement(claim, cause)])
        assert store.shed_bodies(T0 + 1, 10) == 0
        assert (store.shed_bodies(T0 + 2, 1), store.shed_bodies(T0 + 2, 9), store.shed_bodies(T0 + 2, 9)) == (1, 1, 0)
        found = {status.message.occurrence_key: status.message for status in store.messages()}
        keys = [make_message(i).occurrence_key for i in range(4)]
        assert [bool(found[key].html or found[key].subject) for key in keys] == [False, True, False, True]
        assert found[keys[0]].address == make_message(0).address
        word = Settlement(occurrence_key=keys[0], token=None, cause=MessageCause.PROVIDER_DELIVERED, at=T0 + 9)
        assert store.settle([word]) == [MessageState.DELIVERED]

    def test_an_older_claim_is_fenced_off(self, store: Store) -> None:
        """After a retry and a second claim, the first claim's answer changes nothing (I14)."""
        store.append(Batch(outbox=[make_message(1)]))
        first = claim_one(store)
        assert store.settle([settlement(first, MessageCause.RETRY, retry_at=T0 + 9)]) == [MessageState.PENDING]
        assert store.claim(T0 + 8, 10, owner="sender", lease=MINUTE).ready == ()
        second = claim_one(store, T0 + 9)
        assert second.token == 2
        assert store.settle([settlement(first, MessageCause.PROVIDER_ACCEPTED)]) == [None]
        assert store.settle([settlement(second, MessageCause.PROVIDER_REJECTED)]) == [MessageState.REJECTED]
        assert store.settle([settlement(second, MessageCause.PROVIDER_ACCEPTED)]) == [None]
        assert len(list(store.attempts())) == 2

    def test_a_word_without_token_does_not_settle_what_is_being_sent(self, store: Store) -> None:
        """Without a token a message in `sending` stays; once accepted, a webhook moves it on; unknown keys are None."""
        store.append(Batch(outbox=[make_message(1)]))
        claim = claim_one(store)
        word = Settlement(
            occurrence_key=claim.message.occurrence_key, token=None, cause=MessageCause.PROVIDER_DELIVERED, at=T0 + 2
        )
        assert store.settle([word]) == [None]
        store.settle([settlement(claim, MessageCause.PROVIDER_ACCEPTED)])
        stray = Settlement(occurrence_key="0" * 32, token=None, cause=MessageCause.PROVIDER_DELIVERED, at=T0)
        assert store.settle([word, word, stray]) == [MessageState.DELIVERED, None, None]

    def test_an_expired_lease_becomes_unknown(self, store: Store) -> None:
        """A lease that ran out is listed with its token, and settles as unknown (S2)."""
        store.append(Batch(outbox=[make_message(1)]))
        claim = claim_one(store)
        assert store.expired_leases(T0 + MINUTE) == []
        (late,) = store.expired_leases(T0 + MINUTE + 1)
        assert late == claim
        assert store.settle([settlement(late, MessageCause.LEASE_RAN_OUT)]) == [MessageState.UNKNOWN]
        assert store.expired_leases(T0 + 9 * MINUTE) == []
        status = store.message(claim.message.occurrence_key)
        assert status is not None
        assert (status.state, status.token, status.lease_until) == (MessageState.UNKNOWN, 1, None)

    @pytest.mark.parametrize(
        ("scope", "message_class", "state"),
        [
            ("all", "marketing", "suppressed"),
            ("all", "transactional", "suppressed"),
            ("all", "internal", "sending"),
            ("marketing", "marketing", "suppressed"),
            ("marketing", "transactional", "sending"),
        ],
    )
    def test_a_suppressed_address_is_not_claimed(
        self, store: Store, scope: str, message_class: str, state: str
    ) -> None:
        """After the commit of a suppression no claim hands out a message to that address, however written (S4)."""
        message = make_message(1, address="Ada@Mail.example", message_class=message_class)
        word = make_control(
            "suppression", customer=None, subject=address_hash("ada@mail.example"), scope=scope, cause="bounced"
        )
        store.append(Batch(outbox=[message]))
        store.append(batch_of(word))
        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE)
        assert [m.occurrence_key for m in claimed.suppressed] == [message.occurrence_key] * (state == "suppressed")
        status = store.message(message.occurrence_key)
        assert status is not None
        assert status.state == state
        if state == "suppressed":
            (attempt,) = store.attempts()
            assert "bounced" in attempt.text

    def test_a_message_past_its_time_is_not_claimed(self, store: Store) -> None:
        """A message may leave at `expires_at`, and is expired after it."""
        store.append(Batch(outbox=[make_message(1, expires_at=T0), make_message(2, expires_at=T0 - 1)]))
        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE)
        assert [one.message for one in claimed.ready] == [make_message(1, expires_at=T0)]
        assert claimed.expired == (make_message(2, expires_at=T0 - 1),)
        assert [one.message for one in store.messages(state=MessageState.EXPIRED)] == list(claimed.expired)

    def test_a_wider_suppression_replaces_a_narrower_one(self, store: Store) -> None:
        """The first reason stays, unless the scope grows from marketing to all."""
        narrow, wide = (Suppression(scope=s, cause=c, at=T0) for s, c in (("marketing", "left"), ("all", "bounced")))
        later = Suppression(scope="all", cause="again", at=T0 + 1)
        for one, expected in ((narrow, narrow), (wide, wide), (later, wide), (narrow, wide)):
            store.suppress("h", one)
            assert store.suppression("h") == expected
        assert store.suppression("other") is None

    def test_soft_bounces_give_way_and_lapse(self, store: Store) -> None:
        """A suppression after soft bounces takes no other's place, gives way to every other, and holds for 30 days (S4)."""
        soft, unsubscribed, complaint = (
            Suppression(scope="marketing", cause=cause, at=T0) for cause in (SOFT_BOUNCES, UNSUBSCRIBED, "complaint")
        )
        again = Suppression(scope="marketing", cause=SOFT_BOUNCES, at=T0 + 1)
        steps = (
            (soft, soft), (again, again), (unsubscribed, unsubscribed), (soft, unsubscribed), (complaint, complaint),
            (soft, complaint),
        )  # fmt: skip
        for one, expected in steps:
            store.suppress("h", one)
            assert store.suppression("h") == expected
        store.append(Batch(outbox=[make_message(1, address="ada@mail.example")]))
        store.suppress(address_hash("ada@mail.example"), soft)
        end = T0 + SOFT_SUPPRESSED_SPAN
        store.append(Batch(outbox=[make_message(2, address="bob@mail.example", scheduled=end)]))
        store.suppress(address_hash("bob@mail.example"), soft)
        assert len(store.claim(end - 1, 10, owner="sender", lease=MINUTE).suppressed) == 1
        claimed = store.claim(end, 10, owner="sender", lease=MINUTE)
        assert [one.message.address for one in claimed.ready] == ["bob@mail.example"]

    def test_checkpoints_replace_each_other(self, store: Store) -> None:
        """A profile's checkpoint carries its position; position and blobs of a checkpoint are those of the last one."""
        old, new = Profile(customer="ada", position=3, blob=b"a"), Profile(customer="ada", position=9, blob=b"\0b")
        other = Profile(customer="", position=1, blob=b"")
        store.save_checkpoints([old, other], position=3, meta={"timers": b"t", "world": b"w"})
        store.save_checkpoints([new], position=8, meta={"timers": b"u"})
        store.save_checkpoints([])
        assert store.load_profile("ada") == new
        assert store.load_profile("bob") is None
        assert list(store.profiles()) == [other, new]
        assert list(store.customers()) == ["", "ada"]
        assert (store.checkpoint_position(), store.checkpoint_meta()) == (8, {"timers": b"u"})

    def test_dead_letters_say_how_they_ended(self, store: Store) -> None:
        """Dead letters come back with their bytes, by stream, and say when and how they ended; an end is the last word."""
        letters = [make_letter(1), make_letter(2, "web"), make_letter(3)]
        store.append(Batch(dead=letters))
        assert [one.letter for one in store.dead_letters()] == letters
        assert [one.number for one in store.dead_letters(stream="app", limit=1)] == [1]
        store.end_letters([2, 77], T0, LetterEnd.REPLAYED)
        store.end_letters([3, 2], T0 + 1, LetterEnd.DISMISSED)
        assert [(one.letter, one.ended_at, one.end) for one in store.dead_letters()] == [
            (letters[0], None, None), (letters[1], T0, LetterEnd.REPLAYED), (letters[2], T0 + 1, LetterEnd.DISMISSED),
        ]  # fmt: skip
        assert [one.number for one in store.waiting_letters(9)] == [1]
        assert store.dead_letter(77) is None

    def test_notes(self, store: Store) -> None:
        """A note is what was last written, or with `once` what was first; its name reaches no counter of the store's own."""
        assert store.note("project") is None
        store.set_note("project", "shop")
        store.set_note("reached", "never")
        assert (store.note("project"), store.reached()) == ("shop", None)
        store.set_note("project", "desk", once=True)
        store.set_note("first", "a", once=True)
        store.set_note("first", "b", once=True)
        assert (store.note("project"), store.note("first")) == ("shop", "a")
        store.set_note("first", "")
        store.set_note("first", "c", once=True)
        assert store.note("first") == "c"

    def test_a_closed_store_refuses(self, store: Store) -> None:
        """After close nothing is taken any more; a second close does nothing."""
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.append(Batch(log=entries(make_event(1))))

    def test_a_second_look_refuses_in_the_transaction_that_would_take(self, store: Store) -> None:
        """S4: what the second look refuses is `suppressed` with its cause in the journal and never taken; the rest is
        taken, and nobody is asked when nothing is due.
        """
        store.append(Batch(outbox=[make_message(1), make_message(2), make_message(3, scheduled=T0 + MINUTE)]))
        first, second = make_message(1).occurrence_key, make_message(2).occurrence_key
        asked: list[list[str]] = []

        def look(messages: Sequence[OutboxMessage]) -> Mapping[str, Refusal]:
            asked.append([message.occurrence_key for message in messages])
            return {second: Refusal(cause=MessageCause.CONSENT_WITHDRAWN, text="topic news")}

        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE, look=look)
        assert [one.message.occurrence_key for one in claimed.ready] == [first]
        assert [one.occurrence_key for one in claimed.suppressed] == [second]
        assert store.claim(T0, 10, owner="sender", lease=MINUTE, look=look).ready == ()
        assert asked == [[first, second]]
        line = next(store.attempts())
        assert (line.state, line.cause, line.text) == (MessageState.SUPPRESSED, "consent_withdrawn", "topic news")

    def test_a_second_look_that_fails_takes_nothing(self, store: Store) -> None:
        """Where the second look cannot be had, no message is taken, and it can be taken later."""
        store.append(Batch(outbox=[make_message(1)]))

        def look(_messages: Sequence[OutboxMessage]) -> Mapping[str, Refusal]:
            raise StoreError("no inbox")

        with pytest.raises(StoreError, match="no inbox"):
            store.claim(T0, 10, owner="sender", lease=MINUTE, look=look)
        assert store.message_counts() == {MessageState.PENDING: 1}
        claim_one(store)

    def test_a_code_is_given_once_for_ever(self, store: Store) -> None:
        """S6: a code is drawn when the message is taken; a retry has the same, no two share one, and an empty pool
        suppresses with its own cause.
        """
        assert store.add_codes("offer", ["A-1", "B&2"]) == 2
        store.append(Batch(outbox=[make_message(n, pool="offer") for n in (1, 2, 3)] + [make_message(4)]))
        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE)
        keys = [make_message(n).occurrence_key for n in (1, 2, 3, 4)]
        assert {one.message.occurrence_key: one.code for one in claimed.ready} == {
            keys[0]: "A-1",
            keys[1]: "B&2",
            keys[3]: "",
        }
        assert [one.occurrence_key for one in claimed.suppressed] == [keys[2]]
        assert claimed.empty_pools == ("offer",)
        line = next(store.attempts())
        assert (line.state, line.cause) == (MessageState.SUPPRESSED, MessageCause.POOL_EMPTY)
        assert "offer" in line.text
        store.settle([settlement(claimed.ready[0], MessageCause.RETRY)])
        assert claim_one(store).code == "A-1"
        assert [store.code_of(key) for key in keys] == ["A-1", "B&2", None, None]

    def test_a_pool_takes_new_codes_and_no_used_one_again(self, store: Store) -> None:
        """S6: loading a file again adds its new codes alone; a used code is not given again, not even by a pool of
        another name, and one that is left moves to the pool that names it now.
        """
        store.append(Batch(outbox=[make_message(1, pool="old"), make_message(2, pool="new")]))
        store.add_codes("old", ["A", "B"])
        first = store.claim(T0, 1, owner="sender", lease=MINUTE).ready[0]
        assert first.code == "A"
        assert store.add_codes("old", ["A", "B"]) == 0
        assert store.add_codes("new", ["A", "B", "C", "C"]) == 2
        assert store.code_counts() == [
            PoolCount(pool="new", left=2, given=0),
            PoolCount(pool="old", left=0, given=1),
        ]
        assert claim_one(store).code in {"B", "C"}
        assert [store.codes_left(pool, 9) for pool in ("new", "old", "none")] == [1, 0, 0]

    def test_what_is_left_of_a_pool_is_counted_to_a_limit(self, store: Store) -> None:
        """A large pool costs no more to ask about than the number that is of interest."""
        store.add_codes("offer", [f"C{n}" for n in range(40)])
        assert [store.codes_left("offer", most) for most in (1, 39, 40, 41)] == [1, 39, 40, 40]

    def test_a_message_refused_for_another_reason_uses_up_no_code(self, store: Store) -> None:
        """S6: who may not be written to draws no code."""
        store.add_codes("offer", ["A"])
        store.append(Batch(outbox=[make_message(1, pool="offer"), make_message(2, pool="offer")]))
        refused = {make_message(1).occurrence_key: Refusal(cause=MessageCause.RULE_PAUSED)}
        claimed = store.claim(T0, 10, owner="sender", lease=MINUTE, look=lambda _messages: refused)
        assert [(one.message.occurrence_key, one.code) for one in claimed.ready] == [
            (make_message(2).occurrence_key, "A")
        ]
        assert claimed.empty_pools == ()

    def test_a_link_leads_to_its_message(self, store: Store) -> None:
        """The digest that a link carries finds its message, and nothing else does."""
        store.append(Batch(outbox=[make_message(1), make_message(2)]))
        key = make_message(2).occurrence_key
        found = store.message_of_link(occurrence_digest(key))
        assert found is not None
        assert found.message.occurrence_key == key
        assert store.message_of_link(key) is None
