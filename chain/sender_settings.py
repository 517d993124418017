"""How patient and how generous the durable sender is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Times are seconds, fees wei per gas, depths blocks."""

    lease_ttl: float = 5.0
    poll: float = 0.25
    """At most, between passes while something is under way."""
    idle_poll: float = 1.0
    stuck_after: float = 30.0
    """A transaction not mined by then is signed again with a higher fee; each time it waits twice as long."""
    max_versions: int = 10
    resend_after: float = 10.0
    """What was sent and not mined by then is sent again: a restarted node has forgotten its pool."""
    retry_after: float = 1.0
    """What the node refused is offered again then."""
    displaced_after: float = 60.0
    """For so long a used nonce may lack a receipt before it counts as used by another transaction."""
    fee_cap: int = 500 * 10**9
    gas_margin: float = 1.25
    """An estimate times this is the gas limit, within the block's."""
    max_in_flight: int = 64
    kept_for_prompt: int = 8
    """One in so many places in flight is never an anchor's: what somebody waits for need not wait for one."""
    fair_turn: int = 8
    """Of so many operations signed in a row one is an anchor, while anchors wait."""
    final_depth: int | None = None
    """Blocks on top after which a mined operation is never looked at again; None: never final."""
