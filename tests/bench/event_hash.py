"""CBV event hashes a second and core: ours and the reference generator's, from a document's bytes to hashes.

Each document is hashed once by either, so that nothing remembered of it helps; both must find the same.
Processor time of this one thread is measured, and the two take turns, so that a busy machine slows both.
"""

import argparse
import gc
import logging
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from epcis_event_hash_generator import hash_generator, json_to_py, xml_to_py

from epcis import canonical, cbv_hash, sealed, xml
from tests.bench.event_documents import DocumentClass, classes
from tests.bench.measurement import Measurement, show

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
    ours(documents.make(0)), theirs(documents.make(0))
    spent, events = [0.0, 0.0], [0, 0]
    seed = 0
    while min(spent) < seconds:
        # theirs is so much slower that ours takes many documents in its turn
        for _ in range(20 if spent[0] < seconds else 1):
            seed += 1
            _timed(ours, documents, seed, spent, events, 0)
        expected, found = _timed(ours, documents, -seed, spent, events, 0), None
        if spent[1] < seconds:
            found = _timed(theirs, documents, -seed, spent, events, 1)
        if found is not None and sorted(expected) != sorted(found):
            raise RuntimeError(f"{documents.name}: the two find different hashes for seed {-seed}")
    rates = [count / time_spent for count, time_spent in zip(events, spent, strict=True)]
    return Measurement("event-hash", rates[0], rates[1], "events/s", PEER, version(PEER), documents.name)


def _timed(
    hashes: Callable[[str], list[str]],
    documents: DocumentClass,
    seed: int,
    spent: list[float],
    events: list[int],
    side: int,
) -> list[str]:
    text = documents.make(seed)
    gc.collect(0)
    began = time.thread_time()
    found = hashes(text)
    spent[side] += time.thread_time() - began
    events[side] += documents.events
    return found
