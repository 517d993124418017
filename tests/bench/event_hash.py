"""CBV event hashes a second and core: ours and the reference generator's, from a document's bytes to hashes.

Each document is hashed once by either, so that nothing remembered of it helps; both must find the same.
Processor time of this one thread is measured, and the two take turns, so that a busy machine slows both.
"""

import argparse
import gc
import logging
import time
import warnings
from importlib.metadata import version
from typing import Final

from epcis_event_hash_generator import hash_generator, json_to_py, xml_to_py

from epcis import canonical, cbv_hash, sealed, xml
from tests.bench.event_documents import DocumentClass, classes
from tests.bench.measurement import Measurement, show

_BATCH_SIZE: Final = 500_000
"""characters of documents that each hashes in its turn: so many that the processor's caches are warm for most
of it, as they are in a service, and not full of what the other one did"""
_LARGEST_BATCH: Final = 100
PEER: Final = "epcis-event-hash-generator"


def main(arguments: list[str]) -> None:
    """`--seconds` of processor time for each side of each class; `--only` classes with this in their name."""
    parser = argparse.ArgumentParser(prog="scripts/bench event-hash")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # the peer's
    worst: dict[str, Measurement] = {}
    for documents in classes():
        if options.only not in documents.name:
            continue
        result = _measure(documents, options.seconds)
        show(result)
        form = documents.name.rpartition("(")[2].rstrip(")")
        worst[form] = min(worst.get(form, result), result, key=lambda one: one.ratio)
    for form, result in worst.items():
        case = f"worst in {form}: {result.case}"
        show(Measurement("event-hash", result.ours, result.theirs, result.unit, PEER, version(PEER), case))


def ours(text: str) -> list[str]:
    """Hashes by this product, from UTF-8."""
    data = text.encode("utf-8")
    if xml.is_xml(data):
        return [cbv_hash.ni(one) for one in xml.event_hashes(data)]
    document = canonical.loads(data)
    context = sealed.effective_context(document["@context"], None)
    events = document["epcisBody"]["eventList"]
    return [cbv_hash.ni(cbv_hash.event_hash(event, context)) for event in events]


def theirs(text: str) -> list[str]:
    """Hashes by the reference generator."""
    if text.lstrip().startswith("<"):
        events = xml_to_py.event_list_from_epcis_document_str(text)
    else:
        json_to_py._namespaces.clear()
        events = json_to_py.event_list_from_epcis_document_str(text)
    return list(hash_generator.epcis_hashes_from_events(events))


def _measure(documents: DocumentClass, seconds: float) -> Measurement:
    text = documents.make(0)
    ours(text), theirs(text)
    batch = max(1, min(_LARGEST_BATCH, _BATCH_SIZE // len(text)))
    spent, events, seed = {ours: 0.0, theirs: 0.0}, {ours: 0, theirs: 0}, 0
    while min(spent.values()) < seconds:
        found = {}
        texts = [documents.make(seed + number + 1) for number in range(batch)]
        seed += batch
        for side in (theirs, ours):
            if spent[side] < seconds:  # the slow one need not take as many batches
                gc.collect()
                began = time.thread_time()
                found[side] = [side(one) for one in texts]
                spent[side] += time.thread_time() - began
                events[side] += documents.events * batch
        if len(found) == 2 and found[ours] != found[theirs]:
            raise RuntimeError(f"{documents.name}: the two find different hashes (seeds up to {seed})")
    rates = [events[side] / spent[side] for side in (ours, theirs)]
    return Measurement("event-hash", rates[0], rates[1], "events/s", PEER, version(PEER), documents.name)
