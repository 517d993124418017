"""Every limit of a gateway, each with its default and the reason for it. Times are seconds."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Closing:
    """When a batch closes: at the first of the three that is reached."""

    events: int = 2_000
    """One anchor costs the same whatever its size; past this the cost an event no longer falls, while who
    waits for a batch waits for all of it to be read."""
    size: int = 4 * 1024 * 1024
    """bytes of sealed documents: half of what a service takes in one request by default"""
    age: float = 0.5
    """The longest that an event waits for company. While the service is slower than this, batches grow."""

    def __post_init__(self) -> None:
        _positive(events=self.events, size=self.size)
        if self.age < 0:
            raise ValueError(f"age: {self.age} is negative")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in the spool and in one request; beyond it `accept` refuses and says so."""

    events: int = 1_000_000
    """about a quarter of an hour at a thousand a second: a service's restart, not its absence"""
    size: int = 2 * 1024**3
    """bytes of sealed documents that wait; the disk is the member's, not ours to fill"""
    document_events: int = 10_000
    """of one request: it is read as a whole, in memory"""
    document_size: int = 16 * 1024 * 1024
    """bytes of one request, for the same reason"""

    def __post_init__(self) -> None:
        _positive(
            events=self.events,
            size=self.size,
            document_events=self.document_events,
            document_size=self.document_size,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """How batches get to the service."""

    in_flight: int = 4
    """batches closed and not final: enough to hide the chain's time, few enough to hold memory flat"""
    attestations_in_flight: int = 16
    """single events under way at once, beside the batches"""
    set_aside: int = 32
    """beside these, so many that make no headway, in each lane: they do not keep others from their turn"""
    set_aside_after: tuple[int, float] = (3, 300.0)
    """tries, or seconds with the service, after which a batch makes no headway"""
    deadline: int = 3_600
    """how long a signature may be relayed: a leaked one is worthless soon, outages rarely last longer"""
    deadline_margin: int = 60
    """a signature with less left is made again: services want 30 s to get a call into a block"""
    poll: tuple[float, float] = (0.05, 1.0)
    """to the next look at a job: at first, at most"""
    backoff: tuple[float, float] = (0.5, 30.0)
    """to the next try where the service is away, refuses our key or fails at a batch: at first, at most"""
    attestation_tries: int = 5
    """signed anew after the contract refused it, before an attestation counts as refused"""
    depth: int = 12
    """Blocks on top of a final event's block until its document goes: before, a reorganisation may undo it,
    and then it is posted again. Chains without reorganisations take 0."""
    watch: tuple[float, float] = (5.0, 60.0)
    """to the next look at what is final and not so deep: at first, at most"""
    keep_refused: float = 90 * 86_400.0
    """For which a refused event's document stays, from when it was accepted: time to look into it and to
    submit it again. What is known of the event stays for good."""

    def __post_init__(self) -> None:
        _positive(
            in_flight=self.in_flight,
            attestations_in_flight=self.attestations_in_flight,
            attestation_tries=self.attestation_tries,
        )
        if self.deadline <= self.deadline_margin:
            raise ValueError(
                f"deadline: {self.deadline} s is no more than its margin {self.deadline_margin} s"
            )


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """All of them."""

    closing: Closing = field(default_factory=Closing)
    bounds: Bounds = field(default_factory=Bounds)
    delivery: Delivery = field(default_factory=Delivery)


def _positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name}: {value} is below 1")
