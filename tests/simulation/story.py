"""One seed, one story: members ask, processes work, disasters strike; then calm, rest, and the comparison.

All happens in one thread, one step after the other, drawn from the seed: the same seed, the same story.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chain.codec import keccak256
from chain.outbox import Outbox
from chain.sender import SenderSettings
from evidence.errors import ContractRefused, DeadlineOver
from evidence.gateway import Closing, Delivery, GatewayLimits
from tests.simulation.boundary import Boundary, Weather
from tests.simulation.climate import Climate
from tests.simulation.clock import ToldClock
from tests.simulation.databases import Engines
from tests.simulation.gateway_process import GatewayProcess
from tests.simulation.lies import History
from tests.simulation.node import CHAIN_ID, Node
from tests.simulation.processes import (
    REFUSALS,
    Bug,
    IndexingProcess,
    KeepingProcess,
    Process,
    SendingProcess,
    ServingProcess,
    World,
)
from tests.simulation.requests import Ask, Members, call_of
from tests.simulation.scene import DELIVER_BY, GRACE, RELAYER, STRANGER, Scene

DEEPEST = 6
"""blocks that a reorganisation takes at most, below the highest head that there ever was"""
DELICATE = ("commit", "committed", "eth_sendRawTransaction answered", "vault kept", "door", "INSERT")
"""before and after what cannot be taken back: half of the kills strike there"""
ROUNDS = 150
"""of everything, in which a story must come to rest once the disasters are over"""


@dataclass
class Told:
    """What a story leaves behind, for the comparison and for who replays it."""

    seed: int
    trace: list[str] = field(default_factory=list)
    kills: int = 0
    steps: int = 0


class Story:
    """Use `run`, then compare (tests.simulation.truth)."""

    def __init__(self, seed: int, scene: Scene, folder: Path, clock: ToldClock, engines: Engines) -> None:
        self.seed = seed
        self.scene = scene
        self.clock = clock
        self.dice = Random(seed)
        self.told = Told(seed)
        self.node = Node(folder, clock)
        self._folder = folder
        dice = self.dice
        settings = SenderSettings(
            max_in_flight=dice.choice([1, 3, 64]), final_depth=dice.choice([None, DEEPEST + 2])
        )
        self.world = World(
            scene,
            engines,
            folder / "vault",
            self.node.url,
            self.node.transport,
            History(),
            settings,
            dice.choice([2, 10, 10_000]),
        )
        self.climate = Climate.draw(dice)
        self.members = Members(scene, clock, dice)
        self.serving = ServingProcess("service", self.world)
        self.sending = SendingProcess("sender", self.world)
        self.indexing = IndexingProcess("indexer", self.world)
        self.keeping = KeepingProcess("keeper", self.world)
        limits = GatewayLimits(
            Closing(events=dice.choice([1, 3, 100]), age=dice.choice([0.0, 2.0])),
            delivery=Delivery(
                in_flight=dice.choice([1, 4]), deadline=dice.choice([120, 3600]), depth=DEEPEST + 2
            ),
        )
        self.gateway = GatewayProcess(self.world, self.serving, clock, limits)
        self.processes: list[Process] = [
            self.serving,
            self.sending,
            self.indexing,
            self.keeping,
            self.gateway,
        ]
        self._saved: tuple[Path, int] = (scene.state, 0)
        self._node_back = 0
        self.stolen: set[bytes] = set()
        """hashes of transactions that somebody else made with the relayer's key"""

    def close(self) -> None:
        """End node and connections."""
        for process in self.processes:
            process.stop()
        self.node.close()

    def begin(self) -> None:
        """Everything is started, and the mirror bound to its chain."""
        self.node.start(self.scene.state)
        self._saved = (self.scene.state, self.node.highest)
        self.base = self.node.highest
        self._say(f"climate {self.climate}")
        for process in self.processes:
            process.step(0, Weather())
        self.indexing.step(0, Weather())

    def run(self) -> Told:
        """Tell it up to the point where everything is at rest. Raises Bug."""
        self.begin()
        steps = self.dice.choice([40, 80, 120])
        wanted = self.dice.randrange(6, 18)
        for number in range(steps):
            self.told.steps = number
            self.clock.tick(self.dice.choice([0.05, 0.2, 1.0, 1.0, 4.0]))
            self._step(wanted)
        self.told.kills = sum(process.kills for process in self.processes)
        return self.end()

    def end(self) -> Told:
        """Calm, and everything comes to rest. Raises Bug."""
        self._calm()
        self.rest("after the disasters")
        self.clock.tick(max(0.0, DELIVER_BY + GRACE + 60 - self.clock.now))
        self.rest("after the orders' deadlines")
        return self.told

    # -- steps ---------------------------------------------------------------------------------------------

    def _step(self, wanted: int) -> None:
        dice, climate = self.dice, self.climate
        if self._node_back and self.told.steps >= self._node_back:
            self._node_back = 0
            self.node.start(self._saved[0])
            self._say(f"node back at {self.node.head()[0]}")
        if not self._node_back:
            if dice.random() < climate.reorganisations:
                self.reorganise()
            if dice.random() < climate.restarts:
                self._lose_node()
            if dice.random() < climate.stranger and not self._node_back:
                self._stranger()
            if dice.random() < climate.thief and not self._node_back:
                self._thief()
            if dice.random() < 0.1 and not self._node_back:
                path = self._folder / f"state-{self.told.steps}.json"
                self.node.save(path)
                self._saved = (path, self.node.head()[0])
        if dice.random() < climate.jumps:
            seconds = dice.choice([-600.0, -30.0, 30.0, 120.0, 3600.0])
            self.clock.jump(seconds)
            self._say(f"clock jumps {seconds} s")
        who = dice.choices(
            ["members", "sender", "indexer", "keeper", "miner", "service", "gateway"], [7, 6, 3, 1, 5, 1, 4]
        )[0]
        if who == "miner":
            if not self._node_back:
                self.node.mine(dice.choice([1, 1, 1, 2]))
                self._say(f"mined, head {self.node.head()[0]}")
        elif who == "members":
            self._members(wanted)
        else:
            process = {
                "sender": self.sending,
                "indexer": self.indexing,
                "keeper": self.keeping,
                "service": self.serving,
                "gateway": self.gateway,
            }[who]
            if process is self.gateway:  # its requests are the service's work
                self.serving.boundary.arm(*self._strike(self.serving))
            self._work(process)

    def _strike(self, process: Process) -> tuple[int, Weather, int, str]:
        """Dice, weather and the place of a kill for one step of a process."""
        kill_at, where = 0, ""
        if self.dice.random() < self.climate.kills:
            where = self.dice.choice(["", "", *DELICATE])
            kill_at = self.dice.randint(1, 3 if where else max(8, process.boundary.most + 2))
        return self.dice.getrandbits(64), self.climate.weather, kill_at, where

    def _work(self, process: Process) -> None:
        said = process.step(*self._strike(process))
        self._say(f"{process.name}: {said}", process)

    def _members(self, wanted: int) -> None:
        open_asks = [one for one in self.members.asks if one.state in ("new", "unknown")]
        done = [one for one in self.members.asks if one.state == "acknowledged"]
        if open_asks and (len(self.members.asks) >= wanted or self.dice.random() < 0.5):
            ask: Ask | None = self.dice.choice(open_asks)
        elif done and (len(self.members.asks) >= wanted or self.dice.random() < 0.15):
            ask = self.dice.choice(done)  # a member that missed the answer asks again
        elif len(self.members.asks) < wanted:
            ask = self.members.draw()
        else:
            ask = None
        if ask is not None:
            process = self._asked(ask)
            process.boundary.arm(*self._strike(process))
            self.ask(ask)

    def _asked(self, ask: Ask) -> Process:
        return self.gateway if ask.kind == "gateway" else self.serving

    def ask(self, ask: Ask) -> None:
        """Have the service do it, and note what the member knows then. Raises Bug."""
        ask.tries += 1
        known = len(ask.jobs) + len(ask.operations)
        process = self._asked(ask)
        act = self.gateway.accept if ask.kind == "gateway" else self.serving.answer
        try:
            said = process.guarded(lambda: act(ask))
        except REFUSALS as refusal:
            said = f"refused: {type(refusal).__name__}: {str(refusal)[:120]}"
            self._refused(ask, refusal)
        else:
            if len(ask.jobs) + len(ask.operations) > known:
                if not ask.valid:
                    raise Bug(f"{ask} was acknowledged: {said}")
                ask.state = "acknowledged"
            elif ask.state == "new":
                ask.state = "unknown"
        self._say(f"{ask}: {said}", process)

    def _refused(self, ask: Ask, refusal: Exception) -> None:
        if not ask.valid:
            ask.state = "refused"
            return
        if ask.state == "acknowledged":
            return  # it was told before; what it asked again may be over by now
        ask.state = "unknown"
        if self.serving.boundary.lied or ask.needs is not None:
            return
        if isinstance(refusal, DeadlineOver) and ask.deadline < max(self.clock.now, self._head_time()) + 40:
            self.members.signed_again(ask)
            return
        if isinstance(refusal, ContractRefused) and refusal.name == "AlreadyAttested":
            return
        raise Bug(f"{ask} is valid and was refused: {type(refusal).__name__}: {refusal}")

    def _head_time(self) -> int:
        return 0 if self._node_back else self.node.head()[1]

    # -- disasters -----------------------------------------------------------------------------------------

    def _room(self) -> int:
        """How many blocks may still be taken away."""
        return self.node.head()[0] - max(self.node.floor, self.node.highest - DEEPEST)

    def reorganise(self) -> None:
        """Some blocks go, with what was in them or without."""
        room = self._room()
        if room < 1:
            return
        depth = self.dice.randint(1, room)
        raws = self.node.drop(depth)
        survivors = [raw for raw in raws if self.dice.random() < self.dice.choice([0.0, 0.5, 1.0])]
        self.dice.shuffle(survivors)
        taken = self.node.give(survivors)
        blocks = self.dice.randint(0, depth + 1)
        self.node.mine(blocks)
        self._say(f"reorganised: {depth} blocks with {len(raws)} gone, {taken} given again, {blocks} mined")

    def _lose_node(self) -> None:
        path, height = self._saved
        if height < self.node.highest - DEEPEST:
            path = self._folder / f"state-{self.told.steps}.json"
            self.node.save(path)
            self._saved = (path, self.node.head()[0])
        self.node.kill()
        self._node_back = self.told.steps + self.dice.randint(1, 6)
        self._say(f"node killed, to be back with {self._saved[1]} blocks")

    def _stranger(self) -> None:
        """Somebody else relays what a member signed."""
        asks = [one for one in self.members.asks if one.valid and (one.batch or one.body)]
        if not asks:
            return
        ask = self.dice.choice(asks)
        to = self.scene.deployment.address("EventLedger")
        nonce = self.node.rpc.nonce(STRANGER.address, "pending")
        raw = self._transaction(STRANGER, nonce, to, call_of(ask))
        self._say(f"stranger relays {ask}: {self.node.give([raw])} taken")

    def _thief(self) -> None:
        """The relayer's key is used beside the sender: a nonce is gone."""
        nonce = self.node.rpc.nonce(RELAYER.address)
        raw = self._transaction(RELAYER, nonce, RELAYER.address, b"")
        self.stolen.add(keccak256(raw))
        self._say(f"somebody uses nonce {nonce}: {self.node.give([raw])} taken")

    def _transaction(self, key: object, nonce: int, to: str, data: bytes) -> bytes:
        head = self.node.rpc.get_block("latest")
        assert head is not None
        fields = {
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": to,
            "data": data,
            "value": 0,
            "gas": 2_000_000,
            "type": 2,
            "maxFeePerGas": 3 * (head.base_fee or 0) + 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
        return key.sign_transaction(fields)  # type: ignore[attr-defined, no-any-return]

    # -- the end -------------------------------------------------------------------------------------------

    def _calm(self) -> None:
        if self._node_back:
            self._node_back = 0
            self.node.start(self._saved[0])
        self.clock.tick(3600.0)  # past every lease of a clock that was set back
        self._say("calm")

    def rest(self, when: str) -> None:
        """Let everybody work without disasters until nobody has anything left to do. Raises Bug."""
        quiet = 0
        for number in range(ROUNDS):
            self.clock.tick(2.0 if number < 40 else 30.0)
            asked = self._ask_open()
            said = [process.step(0, Weather()) for process in self.processes]
            self.serving.boundary.disarm()
            self.node.mine()
            busy = (
                asked
                or said[4] != "idle"
                or said[1] != "idle"
                or not said[3].endswith(" 0")
                or not self._mirrored(said[2])
            )
            if busy:
                self._say(f"{when}: {' | '.join(said)}")
            quiet = 0 if busy else quiet + 1
            if quiet == 2 and not self._ask_failed():
                return
        raise Bug(f"{when}: no rest after {ROUNDS} rounds: {' | '.join(said)}; {self._under_way()}")

    def _under_way(self) -> str:
        """What the sender still has to do, for who looks for the reason."""
        engine = self.world.engines.of("truth", "service", Boundary("truth"))
        outbox = Outbox(engine, self.scene.deployment.identity, RELAYER.address)
        nonces = [self.node.rpc.nonce(RELAYER.address, block) for block in ("latest", "pending")]
        return f"nonces {nonces}, " + ", ".join(
            f"operation {one.id} {one.purpose[:40]} {one.status} nonce {one.nonce} {one.problem} "
            f"{[(version.gas, version.fee, version.sent_ms) for version in one.versions]}"
            for one in outbox.operations()
            if not one.settled
        )

    @staticmethod
    def _mirrored(said: str) -> bool:
        return said.startswith("at ") and ", 0 logs, 0 contents, 0 back, 0 wait," in said

    def _ask_open(self) -> bool:
        """Members ask what was never answered; whether there is more of it."""
        waiting = [one for one in self.members.asks if one.state in ("new", "unknown")]
        for one in waiting:
            self._asked(one).boundary.disarm()
            self.ask(one)
        return bool(waiting)

    def _ask_failed(self) -> bool:
        """Members whose request was acknowledged and failed ask once more; whether there are any."""
        failed = False
        for one in self.members.asks:
            if one.state == "acknowledged" and self.failed(one):
                self._say(f"{one} failed and is asked again")
                one.round += 1
                self.members.signed_again(one)
                one.state = "unknown"
                failed = True
        return failed

    def failed(self, ask: Ask) -> bool:
        """Whether what the member was told last has failed."""
        self.serving.boundary.disarm()
        if ask.kind == "gateway":
            return False  # it tries again by itself, and the comparison looks
        if ask.jobs:
            job = self.serving.service.job(ask.jobs[-1])
            return not job.running and not job.success
        operation = self.serving.operation(ask.operations[-1])
        return operation.settled and not operation.succeeded

    def _say(self, what: str, process: Process | None = None) -> None:
        struck = (
            "" if process is None or not process.boundary.log else f"  [{'; '.join(process.boundary.log)}]"
        )
        line = f"{self.told.steps:3} {self.clock.now:.2f} {what}{struck}"
        # Ports and folders are of the machine, not of the story.
        self.told.trace.append(line.replace(self.node.url, "NODE").replace(str(self._folder), "FOLDER"))
