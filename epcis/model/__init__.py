"""EPCIS 2.0 in types: events, documents, and what a single attestation signs of an event."""

from epcis.model.documents import CapturedEvent, Document, TooManyEvents, parse_document
from epcis.model.events import (
    AggregationEvent,
    AssociationEvent,
    Event,
    ExtendedEvent,
    ObjectEvent,
    TransactionEvent,
    TransformationEvent,
)
from epcis.model.problems import EpcisError, Problem
from epcis.model.signed_fields import SignedFields, SignedFieldsError, signed_fields

__all__ = [
    "AggregationEvent",
    "AssociationEvent",
    "CapturedEvent",
    "Document",
    "EpcisError",
    "Event",
    "ExtendedEvent",
    "ObjectEvent",
    "Problem",
    "SignedFields",
    "SignedFieldsError",
    "TooManyEvents",
    "TransactionEvent",
    "TransformationEvent",
    "parse_document",
    "signed_fields",
]
