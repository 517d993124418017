"""What the mirror says, as typed records for pages, commands and audits.

Every function takes a session of `chain.database.reading`, so that what is asked together is of one moment.
GLNs and GTINs are text of 13 and 14 digits, hashes 0x-hexadecimal text, times UTC, money minor units.
"""

from indexer.read.council import Approval, Council, CouncilAction, council, council_action, council_actions
from indexer.read.effects import PendingEffect, pending_effects
from indexer.read.events import (
    ErrorNote,
    Event,
    EventQuery,
    Page,
    Proof,
    attestation,
    event,
    events,
    events_by_hash,
)
from indexer.read.items import Issuance, IssuePlace, ItemHistory, Passport, Recall, issue_place, item_history
from indexer.read.members import Key, Member, gln_of_account, gln_of_key, member, members
from indexer.read.orders import Credit, Order, OrderStep, credits_of, order, orders
from indexer.read.reports import CustomsDecision, SensorWindow, customs_decisions, sensor_windows
from indexer.read.rights import Licence, Mark, Prefix, licence, licences, mark, marks, prefixes
from indexer.read.status import MirrorStatus, status

__all__ = [
    "Approval",
    "Council",
    "CouncilAction",
    "Credit",
    "CustomsDecision",
    "ErrorNote",
    "Event",
    "EventQuery",
    "Issuance",
    "IssuePlace",
    "ItemHistory",
    "Key",
    "Licence",
    "Mark",
    "Member",
    "MirrorStatus",
    "Order",
    "OrderStep",
    "Page",
    "Passport",
    "PendingEffect",
    "Prefix",
    "Proof",
    "Recall",
    "SensorWindow",
    "attestation",
    "council",
    "council_action",
    "council_actions",
    "credits_of",
    "customs_decisions",
    "event",
    "events",
    "events_by_hash",
    "gln_of_account",
    "gln_of_key",
    "issue_place",
    "item_history",
    "licence",
    "licences",
    "mark",
    "marks",
    "member",
    "members",
    "order",
    "orders",
    "pending_effects",
    "prefixes",
    "sensor_windows",
    "status",
]
