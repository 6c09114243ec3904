"""What one customer of the demonstration buys, asks the help desk, and answers to surveys.

Decides events and their instants from a person and random numbers. Knows nothing of files, arrival or rules.
"""

from relight.cli.demo_catalog import PRODUCTS, SUBJECTS
from relight.cli.demo_people import Person, happens, local_instant
from relight.cli.demo_tape import DAY, HOUR, Tape, record_desk, record_till


def order(tape: Tape, person: Person, last: int) -> None:
    """Packs are used up and bought again at the person's own pace; kits are bought now and then."""
    rng = tape.rng
    product, price, consumed = rng.choice(PRODUCTS)
    gap = rng.uniform(14, 60) if consumed else rng.uniform(40, 120)
    usual = rng.choice((1, 1, 1, 2, 3))
    at = local_instant(rng, person.zone, person.joined + rng.randint(8, 60) * DAY)
    while at < last:
        order_id = f"TB-{tape.number:06d}"
        amount = f"{price * usual}.00"
        quantity = "" if usual == 1 and happens(rng, 0.1) else str(usual)
        shown = "" if happens(rng, 0.007) else product
        record_till(tape, at, person.key, "placed", (order_id, shown, quantity, amount))
        if happens(rng, 0.04):
            back = at + rng.randint(6 * HOUR, 12 * DAY)
            record_till(tape, back, person.key, "refunded", (order_id, "", "", amount))
        if happens(rng, 0.11):
            return
        at = local_instant(rng, person.zone, at + int(gap * rng.uniform(0.82, 1.2) * DAY))
        if not consumed:
            product, price, _ = rng.choice(PRODUCTS)


def open_tickets(tape: Tape, person: Person, last: int) -> None:
    """Questions to the help desk until `last`, most of them answered, and what people say to its surveys."""
    rng = tape.rng
    at = person.joined
    while True:
        at += int(rng.expovariate(1 / 240) * DAY)
        if at > last:
            break
        ticket = f"T{tape.number:06d}"
        opened = local_instant(rng, person.zone, at)
        record_desk(tape, opened, person.key, "ticket_opened", ticket_id=ticket, subject=rng.choice(SUBJECTS))
        if happens(rng, 0.04):
            continue
        solved = opened + int(rng.lognormvariate(3.2, 1.1) * HOUR)
        record_desk(tape, solved, person.key, "ticket_resolved", ticket_id=ticket)
        if happens(rng, 0.45):
            score = rng.choices((1, 2, 3, 4, 5), weights=(7, 8, 15, 35, 35))[0]
            answered = solved + rng.randint(HOUR, 40 * HOUR)
            record_desk(tape, answered, person.key, "csat_answered", score=score, ticket_id=ticket)
    for days in (60, 180):
        if happens(rng, 0.25) and person.joined + days * DAY < last:
            at = local_instant(rng, person.zone, person.joined + days * DAY)
            record_desk(tape, at, person.key, "nps_answered", score=min(10, max(0, round(rng.gauss(7.9, 2.1)))))
