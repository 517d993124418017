"""What every verification makes of the same arguments, made once: calls of contracts' views, identifiers."""

from functools import lru_cache

from chain.bindings import event_ledger, product_passport, rights_registry
from chain.bindings.types import Attestation
from epcis import digital_link
from evidence import chain_records
from vault.cid import Cid

_SIZE = 16_384

anchored = lru_cache(_SIZE)(event_ledger.encode_anchored)
attested = lru_cache(_SIZE)(event_ledger.encode_attested)
error_of = lru_cache(_SIZE)(event_ledger.encode_error_of)
issue_of = lru_cache(_SIZE)(product_passport.encode_issue_of)
issue_record = lru_cache(_SIZE)(product_passport.encode_issue_record)
recall_of = lru_cache(_SIZE)(product_passport.encode_recall_of)
licence_record = lru_cache(_SIZE)(rights_registry.encode_licence_record)
issue_id_of = lru_cache(_SIZE)(chain_records.issue_id_of)
item_id = lru_cache(_SIZE)(digital_link.item_id)
cid = lru_cache(_SIZE)(Cid.parse)


@lru_cache(_SIZE)
def attestation_record(signed: Attestation, member: int, recorded_at: int) -> int:
    """As chain_records.attestation_record, of the fields themselves."""
    return chain_records.attestation_record(signed.struct_hash(), member, recorded_at)
