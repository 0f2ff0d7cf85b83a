"""What others are told by themselves: a night was published, something is overdue. Signed, told until it is taken, to declared hosts alone.

::

    target        addresses as they may be written, and where they may lead
    declaration   webhooks.toml of a store: hosts, and who is told what
    posting       one message to one checked address, within a time
    payload       what a message says: names, levels and links, no small count
    deliveries    what is to be told to whom, kept in the ledger's database until it was taken or given up
    sending       the pass that cron, or the server, makes
"""

from riskwarn.extras import guests

with guests():
    from riskwarn.webhooks.declaration import FILE, Host, Webhook, Webhooks, load_webhooks
    from riskwarn.webhooks.deliveries import Standing, again, has_ledger, standings
    from riskwarn.webhooks.sending import Sender, send, send_test

__all__ = [
    "FILE",
    "Host",
    "Sender",
    "Standing",
    "Webhook",
    "Webhooks",
    "again",
    "has_ledger",
    "load_webhooks",
    "send",
    "send_test",
    "standings",
]
