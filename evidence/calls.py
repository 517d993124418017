"""Calls of the contracts' views that every verification makes: encoded once for the same arguments."""

from functools import lru_cache

from chain.bindings import event_ledger, product_passport, rights_registry
from chain.bindings.types import Attestation
from evidence import chain_records

_SIZE = 16_384

anchored = lru_cache(_SIZE)(event_ledger.encode_anchored)
attested = lru_cache(_SIZE)(event_ledger.encode_attested)
error_of = lru_cache(_SIZE)(event_ledger.encode_error_of)
issue_of = lru_cache(_SIZE)(product_passport.encode_issue_of)
issue_record = lru_cache(_SIZE)(product_passport.encode_issue_record)
recall_of = lru_cache(_SIZE)(product_passport.encode_recall_of)
licence_record = lru_cache(_SIZE)(rights_registry.encode_licence_record)
issue_id_of = lru_cache(_SIZE)(chain_records.issue_id_of)


@lru_cache(_SIZE)
def attestation_record(signed: Attestation, member: int, recorded_at: int) -> int:
    """As chain_records.attestation_record, of the fields themselves."""
    return chain_records.attestation_record(signed.struct_hash(), member, recorded_at)
