"""What kinds of disasters a story has."""

from dataclasses import dataclass
from random import Random

from tests.simulation.boundary import Weather


@dataclass
class Climate:
    """Which disasters a story has, and how often: drawn once, so that some stories know only one kind."""

    weather: Weather
    kills: float
    reorganisations: float
    restarts: float
    stranger: float
    thief: float
    jumps: float

    @classmethod
    def draw(cls, dice: Random) -> "Climate":
        def often(*chances: float) -> float:
            return dice.choice([0.0, *chances])

        return cls(
            Weather(often(0.01, 0.04, 0.15), often(0.005, 0.02, 0.08), often(0.05, 0.3), often(0.01, 0.05)),
            kills=often(0.03, 0.1, 0.3),
            reorganisations=often(0.02, 0.08),
            restarts=often(0.01, 0.03),
            stranger=often(0.05),
            thief=often(0.0, 0.02),
            jumps=often(0.02, 0.06),
        )
