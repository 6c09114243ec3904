"""Files: one complete mail a message, found again by its key."""

from __future__ import annotations

import asyncio
import email
import email.policy
from pathlib import Path

import pytest

from relight.delivery import Outcome
from relight.delivery.files import FLUSH_TOGETHER_MIN, FOLDERS_TOGETHER_MIN, FilesTransport
from tests.adapters.delivery.mail_kit import message


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [1, FLUSH_TOGETHER_MIN + 1])
def test_each_mail_is_one_file(tmp_path: Path, count: int) -> None:
    """A batch leaves a file a message under its day, named as its Message-ID, and nothing half-written."""
    batch = [message(f"k{n}") for n in range(count)]
    found = asyncio.run(FilesTransport(tmp_path).deliver(batch))
    assert [one.outcome for one in found] == [Outcome.ACCEPTED] * count
    expected = sorted(f"2026-03-01/{one.message_id.partition('@')[0][1:]}.eml" for one in batch)
    assert names(tmp_path) == expected
    parsed = email.message_from_bytes((tmp_path / names(tmp_path)[0]).read_bytes(), policy=email.policy.default)
    assert parsed["Date"].datetime.isoformat() == "2026-03-01T09:00:00+00:00"


def test_a_batch_of_many_days_is_one_file_a_mail(tmp_path: Path) -> None:
    """Each mail of a batch stands under the day of its own scheduled instant, however many days there are."""
    batch = [message(f"k{n}", scheduled=n * 86_400_000_000 + 1) for n in range(FOLDERS_TOGETHER_MIN + 2)]
    found = asyncio.run(FilesTransport(tmp_path).deliver(batch))
    days = [f"1970-01-{n + 1:02}" for n in range(len(batch))]
    assert [Path(one.provider_text).parent.name for one in found] == days
    assert sorted({name.partition("/")[0] for name in names(tmp_path)}) == days
    assert {one.provider_text for one in found} == {str(tmp_path / name) for name in names(tmp_path)}


def test_twice_is_once(tmp_path: Path) -> None:
    """The same message again, in one batch or in a later one, makes no second file and keeps the first."""
    transport = FilesTransport(tmp_path)
    assert transport.idempotent
    asyncio.run(transport.deliver([message(), message()]))
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    asyncio.run(transport.deliver([message(subject="another")]))
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    assert len(before) == 1


def test_a_look_up_knows_what_is_there(tmp_path: Path) -> None:
    """A key whose file is there is accepted; others are not known; an empty folder knows nothing."""
    transport = FilesTransport(tmp_path / "outbox")
    assert asyncio.run(transport.look_up(["k1"])) == {}
    asyncio.run(transport.deliver([message()]))
    found = asyncio.run(transport.look_up(["k1", "k2"]))
    assert {key: one.outcome for key, one in found.items()} == {"k1": Outcome.ACCEPTED}


def test_a_rest_of_a_crash_is_no_mail(tmp_path: Path) -> None:
    """A half-written file of a killed process counts as nothing and is replaced."""
    transport = FilesTransport(tmp_path)
    day, stem, _ = transport.place_of(message())
    Path(day).mkdir(parents=True)
    Path(f"{stem}.part").write_bytes(b"half")
    assert asyncio.run(transport.look_up(["k1"])) == {}
    asyncio.run(transport.deliver([message()]))
    assert Path(f"{stem}.eml").read_bytes().startswith(b"Message-ID")
    assert len(names(tmp_path)) == 1


def test_one_bad_message_delays_nobody(tmp_path: Path) -> None:
    """A message that is no mail is rejected with its reason; its neighbours are written."""
    found = asyncio.run(FilesTransport(tmp_path).deliver([message("k1"), message("k2", subject="a\nb"), message("k3")]))
    assert [one.outcome for one in found] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert "Subject: a control character" in found[1].provider_text
    assert len(names(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_waits_for_an_operator(tmp_path: Path) -> None:
    """Where a file stands in the folder's place, no attempt is spent, and the place is named."""
    (tmp_path / "outbox").write_text("in the way")
    found = asyncio.run(FilesTransport(tmp_path / "outbox").deliver([message()]))
    assert found[0].outcome is Outcome.CONFIGURATION
    assert "outbox" in found[0].provider_text
