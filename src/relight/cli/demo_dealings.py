"""What one customer of the demonstration buys, asks the help desk, and answers to surveys.

Decides events and their instants from a person and random numbers. Knows nothing of files, arrival or rules.
"""

from relight.cli.demo_catalog import COMPANIONS, PARTS, PRODUCTS, SUBJECTS
from relight.cli.demo_people import Person, happens, local_instant
from relight.cli.demo_tape import DAY, HOUR, MINUTE, Property, Tape, record_app, record_desk, record_till

#: After so many orders some buyers need much less.
SLOWS_AFTER_ORDERS = 5


def order(tape: Tape, person: Person, last: int) -> None:
    """Packs are used up and bought again at the person's own pace; kits are bought now and then."""
    rng = tape.rng
    product, price, consumed = rng.choice(PRODUCTS)
    gap = rng.uniform(14, 60) if consumed else rng.uniform(40, 120)
    usual = rng.choice((1, 1, 1, 2, 3))
    slows_after = SLOWS_AFTER_ORDERS if happens(rng, 0.15) else None
    companion = COMPANIONS[product] if happens(rng, 0.35) else None
    placed = 0
    at = local_instant(rng, person.zone, person.joined + rng.randint(8, 60) * DAY)
    while at < last:
        bought, cost = product, price
        if companion is not None and placed == 1:
            bought, cost = companion
        amount = f"{cost * usual}.00"
        cart_id = _fill_cart(tape, person, at, product=bought, items=usual, amount=amount)
        order_id = f"TB-{tape.number:06d}"
        quantity = "" if usual == 1 and happens(rng, 0.1) else str(usual)
        shown = "" if happens(rng, 0.007) else bought
        record_till(tape, at, person.key, "placed", (order_id, cart_id, shown, quantity, amount))
        if bought in PARTS:
            tape.owned.append((at, person.key, bought))
        if happens(rng, 0.04):
            back = at + rng.randint(6 * HOUR, 12 * DAY)
            record_till(tape, back, person.key, "refunded", (order_id, "", "", "", amount))
        if happens(rng, 0.11):
            return
        placed += 1
        if placed == slows_after:
            gap *= 2.4
        if happens(rng, 0.3):
            _look(tape, person, at + rng.randint(2, 12) * DAY, last, own=product)
        at = local_instant(rng, person.zone, at + int(gap * rng.uniform(0.82, 1.2) * DAY))
        if not consumed:
            product, price, _ = rng.choice(PRODUCTS)


def replace_parts(tape: Tape) -> None:
    """Some owners buy the part that wears out, about when it does: before they are told, or after."""
    for at, customer, product in tape.owned:
        if happens(tape.rng, 0.18):
            part, price = PARTS[product]
            later = at + tape.rng.randint(95 * DAY, 140 * DAY)
            record_till(tape, later, customer, "placed", (f"TB-{tape.number:06d}", "", part, "1", f"{price}.00"))


def _look(tape: Tape, person: Person, at: int, last: int, *, own: str) -> None:
    """Look at something in the shop without ordering it: mostly at what goes with what they have."""
    rng = tape.rng
    seen = COMPANIONS[own][0] if happens(rng, 0.6) else rng.choice(PRODUCTS)[0]
    if at < last:
        record_app(tape, local_instant(rng, person.zone, at), person.key, "product_viewed", product=seen)


def _fill_cart(tape: Tape, person: Person, at: int, *, product: str, items: int, amount: str) -> str:
    """Some order by the web shop's cart, whose id comes back; now and then a cart is left, or emptied, days before."""
    rng = tape.rng

    def cart(when: int) -> str:
        cart_id = f"K{tape.number:06d}"
        record_app(tape, when, person.key, "cart_updated", cart_id=cart_id, items=items, product=product, total=amount)
        return cart_id

    if happens(rng, 0.18):
        left = max(at - rng.randint(2 * DAY, 9 * DAY), person.joined + HOUR)
        cart_id = cart(left)
        if happens(rng, 0.2):
            emptied: dict[str, Property] = {"cart_id": cart_id, "items": 0, "product": product, "total": "0.00"}
            record_app(tape, left + rng.randint(MINUTE, 3 * HOUR), person.key, "cart_updated", **emptied)
    return cart(at - rng.randint(2 * MINUTE, 3 * HOUR)) if happens(rng, 0.4) else ""


def open_tickets(tape: Tape, person: Person, last: int) -> None:
    """Questions to the help desk until `last`, most of them answered, and what people say to its surveys."""
    rng = tape.rng
    at = person.joined
    while True:
        at += int(rng.expovariate(1 / 290) * DAY)
        if at > last:
            break
        ticket = f"T{tape.number:06d}"
        opened = local_instant(rng, person.zone, at)
        record_desk(tape, opened, person.key, "ticket_opened", ticket_id=ticket, subject=rng.choice(SUBJECTS))
        if happens(rng, 0.04):
            continue
        solved = opened + int(rng.lognormvariate(2.8, 1.0) * HOUR)
        record_desk(tape, solved, person.key, "ticket_resolved", ticket_id=ticket)
        if happens(rng, 0.45):
            score = rng.choices((1, 2, 3, 4, 5), weights=(7, 8, 15, 35, 35))[0]
            answered = solved + rng.randint(HOUR, 40 * HOUR)
            record_desk(tape, answered, person.key, "csat_answered", score=score, ticket_id=ticket)
    for days in (60, 180):
        if happens(rng, 0.25) and person.joined + days * DAY < last:
            at = local_instant(rng, person.zone, person.joined + days * DAY)
            record_desk(tape, at, person.key, "nps_answered", score=min(10, max(0, round(rng.gauss(7.9, 2.1)))))
