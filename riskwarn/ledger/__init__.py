"""What people did about what a night found: alerts, gaps and supervision cards as items of one state machine, in SQL.

::

    workflow   states, steps, clocks: workflow.toml
    actor      a role, an area and a digest of the account
    words      states, actions, roles, reasons and outcomes in words
    tables     items, transitions, outcomes, nights, outbox, chain; database opens them, migrations/ makes them
    chain      each transition carries the digest of the one before; the head is signed
    pen        permits a step and writes it
    ledger     opens, reads, acts, verifies
    clocks     what is late, and the cards it raises; board with whom it lies, and the next step
    shift      what came, was done and is due, handed over and kept
    outcomes   how right, how soon, at what cost; effect whether handling helped; response how organisations answered in a period
    sheet      the list on paper, and a trail in words
    listing    what a night lists; proof the rows that close a gap; entering brings a night in
"""

from riskwarn.extras import guests

with guests():
    from riskwarn.ledger.actor import CITY, MACHINE, Actor, account_digest, concerning, concerns, within
    from riskwarn.ledger.board import board, by_body, next_step, settled_cards
    from riskwarn.ledger.clocks import clocks, watch
    from riskwarn.ledger.effect import Effect, displacement, effect
    from riskwarn.ledger.entering import Entered, enter
    from riskwarn.ledger.item import Item
    from riskwarn.ledger.ledger import Ledger
    from riskwarn.ledger.outcomes import (
        acknowledgement,
        hours_per_hit,
        missed,
        outcomes,
        precision,
        weighted_labels,
        weighted_precision,
    )
    from riskwarn.ledger.response import Period, cases, hits, of_bodies, period_of
    from riskwarn.ledger.sheet import trail_in_words
    from riskwarn.ledger.shift import Note, Shift, keep_note, notes, shift
    from riskwarn.ledger.words import code_of, word
    from riskwarn.ledger.workflow import Workflow, workflow

__all__ = [
    "CITY",
    "MACHINE",
    "Actor",
    "Effect",
    "Entered",
    "Item",
    "Ledger",
    "Note",
    "Period",
    "Shift",
    "Workflow",
    "account_digest",
    "acknowledgement",
    "board",
    "by_body",
    "cases",
    "clocks",
    "code_of",
    "concerning",
    "concerns",
    "displacement",
    "effect",
    "enter",
    "hits",
    "hours_per_hit",
    "keep_note",
    "missed",
    "next_step",
    "notes",
    "of_bodies",
    "outcomes",
    "period_of",
    "precision",
    "settled_cards",
    "shift",
    "trail_in_words",
    "watch",
    "weighted_labels",
    "weighted_precision",
    "within",
    "word",
    "workflow",
]
