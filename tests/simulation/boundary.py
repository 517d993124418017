"""Where disasters strike: every request, statement, commit and vault access of a process crosses here."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

KILL = "kill"
CALM = "calm"


class Killed(BaseException):
    """What SIGKILL is to a process: no `except Exception` stops it, and nothing after it does any I/O."""


@dataclass
class Weather:
    """Chances, per crossing, that something fails by itself; `lie`: that an answer is a wrong one."""

    rpc: float = 0.0
    database: float = 0.0
    vault: float = 0.0
    lie: float = 0.0


@dataclass
class Boundary:
    """One process's I/O. `arm` before each step; everything it meets is in `log`.

    A wrong answer is told at most once a step: a node that lies twice the same way cannot be told from a
    chain that is so.
    """

    name: str
    dice: random.Random = field(default_factory=lambda: random.Random(0))
    weather: Weather = field(default_factory=Weather)
    kill_at: int = 0
    kill_where: str = ""
    crossed: int = 0
    most: int = 0
    """crossings of the longest step so far"""
    counted: int = 0
    dead: bool = False
    lied: bool = False
    log: list[str] = field(default_factory=list)

    def arm(self, seed: int, weather: Weather, kill_at: int = 0, kill_where: str = "") -> None:
        """Begin a step: dice of its own, and the crossing at which the process is killed (0: none).

        With `kill_where` only crossings with that text count.
        """
        self.most = max(self.most, self.crossed)
        self.kill_where = kill_where
        self.dice = random.Random(seed)
        self.weather = weather
        self.kill_at = kill_at
        self.crossed = self.counted = 0
        self.lied = False
        self.log = []

    def disarm(self) -> None:
        """From now on all goes well."""
        self.arm(0, Weather())

    def cross(self, where: str, chance: float = 0.0, kinds: Sequence[str] = ()) -> str:
        """What happens here: a kind of failure, or CALM. Raises Killed."""
        if self.dead:
            raise Killed(f"{self.name} is dead at {where}")
        self.crossed += 1
        counts = self.kill_where in where
        self.counted += counts
        if self.kill_at and counts and self.counted >= self.kill_at:
            self.dead = True
            self.log.append(f"{self.crossed} {where}: killed")
            raise Killed(f"{self.name} killed at {where}")
        if kinds and chance and self.dice.random() < chance:
            kind = self.dice.choice(list(kinds))
            self.log.append(f"{self.crossed} {where}: {kind}")
            return kind
        return CALM

    def may_lie(self, where: str) -> bool:
        """Whether this answer is a wrong one."""
        if self.lied or not self.weather.lie or self.dice.random() >= self.weather.lie:
            return False
        self.lied = True
        self.log.append(f"{self.crossed} {where}: lie")
        return True
