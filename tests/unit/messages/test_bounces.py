"""Which refusals say that an address is dead."""

from __future__ import annotations

import pytest

from relight.messages.bounces import is_dead_address, is_soft_bounce


@pytest.mark.parametrize("answer", [
    "550 5.1.1 no such mailbox",
    "550 5.1.1 <ada@mail.example>: Recipient address rejected: User unknown in virtual mailbox table",
    "550-5.1.1 The email account that you tried to reach does not exist. 192.0.2.1 is not listed",
    "553 5.1.3 syntax of the address",
    "550 No such user here",
    "551 user not local",
])  # fmt: skip
def test_an_address_that_does_not_exist_is_dead(answer: str) -> None:
    """5.1.x says so, and so does a bare 550 that speaks of nothing else."""
    assert is_dead_address(answer)


@pytest.mark.parametrize("answer", [
    "550 5.7.1 message rejected as spam",
    "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
    "550 blocked by our policy",
    "550 192.0.2.1 is on a blacklist",
    "552 5.2.2 mailbox full",
    "452 4.2.2 mailbox full",
    "450 4.1.1 try again",
    "553 5.1.8 sender address rejected: domain not found",
    "554 5.6.0 content",
    "550 5.2.1 disabled",
    "501 5.5.4 bad arguments",
    "",
    "the connection was refused by 10.5.1.1",
    "version 5.1.1.2 of nothing",
])  # fmt: skip
def test_anything_else_suppresses_nobody(answer: str) -> None:
    """Blocks, full mailboxes, policies, senders, temporary refusals and what cannot be read leave the address alone."""
    assert not is_dead_address(answer)


@pytest.mark.parametrize(("answer", "is_final", "is_soft"), [
    ("452 4.2.2 mailbox full", False, True),
    ("552 5.2.2 user over quota", True, True),
    ("bounce 5.2.1 Mailbox Unavailable 550 disabled", True, True),
    ("4.4.7 delivery time expired", True, True),
    ("4.4.7 delivery time expired", False, False),
    ("450 4.2.0 greylisted, try again", False, False),
    ("450 4.2.1 receiving mail at a rate that prevents", False, False),
    ("421 4.3.2 shutting down", False, False),
    ("421 4.7.0 try again later", True, False),
    ("bounce 5.7.1 Mailbox Unavailable blocked", True, False),
    ("550 5.1.1 mailbox unavailable", True, False),
    ("bounce Mailbox Unavailable", False, False),
    ("TimeoutError", True, False),
    ("", True, False),
])  # fmt: skip
def test_what_is_soft(answer: str, is_final: bool, is_soft: bool) -> None:
    """A mailbox that takes nothing for now is soft; a block, a rate, a server in trouble and a dead address are not."""
    assert is_soft_bounce(answer, is_final=is_final) is is_soft
