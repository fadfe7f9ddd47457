"""Claims that are too dear to check after every event: asked of some postings, positions and venues."""

import json
from dataclasses import replace

from marginspec.search.choices import Choices
from refmodel.canonical import canonical_text, digest, event_document, event_from, venue_document, venue_from
from refmodel.close_out import bankruptcy_price
from refmodel.events import Event
from refmodel.liquidation_price import liquidation_price, published_lines
from refmodel.margin import is_liquidatable, maintenance_of, notional, requirement, standing_of
from refmodel.numbers import PPM
from refmodel.outcome import Outcome
from refmodel.postings import Posting, Postings, books_gap, lots_gap, sums_to_zero
from refmodel.state import Venue, equity
from refmodel.venue import apply


def spoilt_books_are_noticed(choices: Choices, venue: Venue, postings: Postings) -> str | None:
    """One posting less, a quantum more in custody, a lot more somewhere: the checks of chapter 2 see it."""
    amounts = [entry for entry in postings if isinstance(entry, Posting) and entry.amount != 0]
    if amounts:
        dropped = choices.pick(amounts)
        rest = [entry for entry in postings if entry is not dropped]
        if sums_to_zero(rest):
            return f"without {dropped} the postings are taken for balanced"
    if not sums_to_zero(postings):
        return "the postings are not balanced"
    if books_gap(replace(venue, custody=venue.custody + 1)) != 1 + books_gap(venue):
        return "a quantum more in custody is not noticed"
    for name, account in venue.accounts.items():
        for market, position in account.positions.items():
            more = replace(position, size=position.size + 1)
            spoilt = replace(account, positions={**account.positions, market: more})
            if lots_gap(replace(venue, accounts={**venue.accounts, name: spoilt}), market) != 1:
                return f"a lot more of {market} is not noticed"
            return None
    return None


def is_liquidatable_at(venue: Venue, name: str, market: str, tick: int) -> bool:
    """Whether an account would be liquidatable at another mark of one market, by direct evaluation."""
    standing = standing_of(replace(venue, marks={**venue.marks, market: tick}), venue.accounts[name])
    return is_liquidatable(standing.equity, standing.maintenance, venue.policy.trigger)


def liquidation_price_is_the_first_tick(choices: Choices, venue: Venue, name: str, market: str) -> str | None:
    """MAR-14 against direct evaluation: at its tick, one tick nearer, and at some between."""
    tick = liquidation_price(venue, venue.accounts[name], market)
    mark = venue.marks[market]
    long = venue.accounts[name].positions[market].size > 0
    if is_liquidatable_at(venue, name, market, mark):
        return None if tick is None else f"{name} is liquidatable in {market} now, not first at {tick:_}"
    if tick is None:
        low, high = (1, mark) if long else (mark, max(mark, venue.policy.markets[market].price_max))
    else:
        if not is_liquidatable_at(venue, name, market, tick):
            return f"{name} is not liquidatable at {tick:_} in {market}"
        low, high = (tick + 1, mark) if long else (mark, tick - 1)
    for between in (low, high, choices.integer(low, max(low, high)), choices.integer(low, max(low, high))):
        if low <= between <= high and is_liquidatable_at(venue, name, market, between):
            return f"{name} is liquidatable in {market} at {between:_} already, not first at {tick}"
    return None


def published_form_is_equal(venue: Venue, name: str, market: str) -> str | None:
    """Rate x notional - amount, the largest over the lines that count, is the requirement (MAR-13)."""
    terms = venue.policy.markets[market]
    lots = abs(venue.accounts[name].positions[market].size)
    exposure = notional(lots, venue.marks[market], terms.multiplier)
    for schedule in (terms.initial, terms.maintenance):
        due = max(
            line.rate * exposure - line.amount
            for line in published_lines(schedule, lots)
            if exposure > line.above
        )
        required = requirement(schedule, lots, exposure)
        if -(-due // PPM) != required:
            return f"{schedule.kind} of {exposure:_}: published {-(-due // PPM):_}, by the law {required:_}"
    return None


def bankruptcy_price_leaves_less_than_a_tick(venue: Venue, name: str, market: str) -> str | None:
    """CLO-5: closed at its bankruptcy price a position leaves of its share of equity from 0 to less than
    what one tick of it is worth; one tick further it leaves less than nothing."""
    account = venue.accounts[name]
    price = bankruptcy_price(venue, account, market)
    size = account.positions[market].size
    per_tick = abs(size) * venue.policy.markets[market].multiplier
    margins = {held: maintenance_of(venue, account, held) for held in sorted(account.positions)}
    own = equity(venue, account)
    total = sum(margins.values())
    before = sum(margin for held, margin in margins.items() if held < market)
    share = own * (before + margins[market]) // total - own * before // total
    if price is None:
        reach = (venue.marks[market] - 1) * per_tick if size > 0 else -1
        return None if share > reach else f"{name} has no price in {market} and a share of {share:_}"
    lost = (venue.marks[market] - price if size > 0 else price - venue.marks[market]) * per_tick
    if not 0 <= share - lost < per_tick:
        return f"{name} at {price:_} in {market} leaves {share - lost:_}, a tick is worth {per_tick:_}"
    return None


def order_of_accounts_does_not_matter(before: Venue, event: Event, outcome: Outcome) -> str | None:
    """The same accounts in another order: the same postings, in the same order (theorem D8)."""
    turned = replace(before, accounts=dict(reversed(list(before.accounts.items()))))
    again = apply(turned, event)
    if again.postings != outcome.postings or again.venue != outcome.venue:
        return "another order of the same accounts has another outcome"
    return None


def canonical_form_is_faithful(venue: Venue, event: Event) -> str | None:
    """Written out and read back a venue and an event are the same; another order of keys, the same text."""
    text = canonical_text(venue_document(venue))
    again = venue_from(json.loads(text), venue.policy)
    if again != venue:
        return "the venue read back is another one"
    if event_from(json.loads(canonical_text(event_document(event)))) != event:
        return f"{event} read back is another event"
    turned = replace(
        venue,
        accounts=dict(reversed(list(venue.accounts.items()))),
        marks=dict(reversed(list(venue.marks.items()))),
        pools=dict(reversed(list(venue.pools.items()))),
    )
    if canonical_text(venue_document(turned)) != text or digest(turned) != digest(venue):
        return "another order of the same entries has another text"
    if digest(replace(venue, custody=venue.custody + 1)) == digest(venue):
        return "a quantum more in custody has the same digest"
    return None
