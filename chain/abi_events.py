"""Logs in words: the one class that a log's topics and data are."""

from collections.abc import Sequence

from chain import codec


def event_of(topic0: bytes, topics: int) -> type[codec.Event] | None:
    """The contracts' event with this first topic and number of topics; None where there is none."""
    from chain.bindings import EVENTS

    return next((event for event in EVENTS.get(topic0, []) if topics == event.TOPICS), None)


def decode_log(topics: Sequence[bytes], data: bytes) -> codec.Event | None:
    """The contracts' event that this log is, or None where it is none of theirs.

    Raises DecodeError where topic 0 says it is one and the rest does not fit.
    """
    if not topics:
        return None
    from chain.bindings import EVENTS

    candidates = EVENTS.get(topics[0], [])
    fitting = [candidate for candidate in candidates if len(topics) == candidate.TOPICS]
    if not fitting:
        if candidates:
            return candidates[0].decode(topics, data)
        return None
    return fitting[0].decode(topics, data)
