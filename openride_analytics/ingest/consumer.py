"""The ingestion actor: a member of the consumer group that hands records to its partitions."""

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from openride_analytics import kafka
from openride_analytics.clock import Clock, wait
from openride_analytics.errors import Retryable
from openride_analytics.ingest.crash import CrashPoints
from openride_analytics.ingest.dead_letters import DeadLetters
from openride_analytics.ingest.inflight import Inflight
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.ingest.partition import Partition, State
from openride_analytics.ingest.services import Services
from openride_analytics.ingest.topic import Topic
from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.ingest.watchdog import Watchdog
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.supervisor import Backoff, Child, until_stopping
from openride_analytics.telemetry import Metrics, Traces

log = logging.getLogger("openride.ingest")

REBALANCE_MS = 60_000
# What a revoked partition may take to finish its batch: well within the rebalance.
LEAVE_SECONDS = REBALANCE_MS / 1000 / 3
# What is in flight at a stop is left to its intent rather than let the process be killed.
STOP_SECONDS = 3.0
POLL_MS = 100
# A member learns of a rebalance by its heartbeat, and all partitions stand still until the last one has.
HEARTBEAT_MS = 1_000
# Of one partition in one fetch; a larger message comes alone.
FETCH_BYTES = 256 * 1024
# Kafka answers once it has so much, or after POLL_MS: an answer costs it and us a millisecond, however little is in it.
FETCH_MIN_BYTES = 64 * 1024
# Between attempts to join the group: each makes all its members stand still for a moment.
BACKOFF = Backoff(initial=2.0, maximum=10.0)
LOOK_SECONDS = 1.0

# Asking for the records of a partition that nobody has: a poll that fetches nothing, yet counts as alive.
NOBODY = TopicPartition("", -1)


class Ingestion:
    """Actor `ingest`. Ready while it is in the group; what Kafka refuses is asked for again, however long that takes.
    Crashes on what is not Kafka's."""

    name = "ingest"

    def __init__(
        self,
        settings: Settings,
        clickhouse: ClickHouse,
        metrics: Metrics,
        clock: Clock,
        traces: Traces | None = None,
    ) -> None:
        self._settings = settings
        self._traces = traces or Traces()
        self._clickhouse = clickhouse
        self._metrics = metrics
        self._clock = clock
        self._kinds = {topic: kind for kind, topic in settings.kafka.topics.events().items()}
        self._topics: list[Topic] = []
        self._partitions: dict[TopicPartition, Partition] = {}
        # The group waits so long for its members, and for one that has died until its session ends.
        self._rebalance_seconds = (REBALANCE_MS + settings.kafka.session_timeout_ms) / 1000
        self._watchdog = Watchdog(clock, settings.ingest.stall_seconds, self._rebalance_seconds)
        self._crash = CrashPoints(settings.ingest.crash_at)

    @property
    def partitions(self) -> Iterable[Partition]:
        """What this process owns now."""
        return self._partitions.values()

    async def run(self, child: Child) -> None:
        """Join the group and store what it is given until told to stop, each time anew while Kafka is away."""
        failures, rng = 0, random.Random()
        while not child.stopping.is_set():
            began = self._clock.monotonic()
            try:
                await self._consume(child)
            except (Retryable, KafkaError) as error:
                child.unready()
                log.warning("kafka is away", extra={"problem": f"{type(error).__name__}: {error}"})
                lasted = self._clock.monotonic() - began
                failures = 1 if lasted >= BACKOFF.reset_after else failures + 1
                await wait(child.stopping, BACKOFF.delay(failures, rng))

    async def _consume(self, child: Child) -> None:
        """As one member of the group, until told to stop. Raises Retryable, KafkaError."""
        async with AsyncExitStack() as stack:
            # A client may be given partitions while it is being closed.
            stack.push_async_callback(self.leave, 0)
            services, consumer = await self._connect(stack)
            self._watchdog.revoked()
            consumer.subscribe(topics=list(self._kinds), listener=_Listener(self, services, child))
            try:
                await until_stopping(child, self._poll(consumer, services))
                await self.leave(STOP_SECONDS)
            finally:
                await self.leave(0)  # after an error or a cancellation there is no time to finish

    def own(self, tps: Collection[TopicPartition], services: Services) -> None:
        """These partitions are ours from now on."""
        # The client buffers up to one fetch a partition; what it holds counts as in flight too.
        room = self._settings.ingest.max_inflight_bytes - len(tps) * FETCH_BYTES
        services.inflight.limit(room, len(self._kinds))
        numbers: dict[str, list[int]] = defaultdict(list)
        for tp in tps:
            numbers[tp.topic].append(tp.partition)
        self._take(
            Topic(self._kinds[name], name, owned, place / len(numbers), services)
            for place, (name, owned) in enumerate(sorted(numbers.items()))
        )
        self._watchdog.assigned()

    def _take(self, topics: Iterable[Topic]) -> None:
        self._topics = list(topics)
        self._partitions = {p.tp: p for topic in self._topics for p in topic.partitions.values()}

    async def leave(self, seconds: float) -> None:
        """Let go of every partition, each topic finishing its batch within `seconds`."""
        self._watchdog.revoked()
        leaving, self._topics, self._partitions = self._topics, [], {}
        await asyncio.gather(*(topic.leave(seconds) for topic in leaving))
        self._metrics.ingest_partitions.clear()
        self._metrics.ingest_inflight_bytes.set(0)
        self._metrics.consumer_lag_messages.clear()
        self._metrics.consumer_lag_seconds.clear()

    async def _connect(self, stack: AsyncExitStack) -> tuple[Services, AIOKafkaConsumer]:
        """Start the clients, to be closed with `stack`. Raises Retryable, KafkaError."""
        try:
            await kafka.create_topics(self._settings)
            return await self._start_clients(stack)
        except OSError as error:
            raise Retryable("kafka", f"{type(error).__name__}: {error}") from error

    async def _start_clients(self, stack: AsyncExitStack) -> tuple[Services, AIOKafkaConsumer]:
        options = kafka.client_options(self._settings.kafka)
        admin = AIOKafkaAdminClient(**options)
        stack.push_async_callback(admin.close)
        await admin.start()
        consumer = AIOKafkaConsumer(
            **options,
            group_id=self._settings.kafka.group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",  # where to begin is decided in recovery; a jump would hide a loss
            isolation_level="read_committed",
            max_poll_records=self._settings.kafka.max_poll_records,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_min_bytes=FETCH_MIN_BYTES,
            fetch_max_wait_ms=POLL_MS,
            session_timeout_ms=self._settings.kafka.session_timeout_ms,
            heartbeat_interval_ms=min(HEARTBEAT_MS, self._settings.kafka.session_timeout_ms // 5),
            rebalance_timeout_ms=REBALANCE_MS,
        )
        stack.push_async_callback(consumer.stop)
        await consumer.start()
        dead_letters = DeadLetters(self._settings)
        stack.push_async_callback(dead_letters.close)
        services = Services(
            settings=self._settings,
            warehouse=Warehouse(self._clickhouse),
            offsets=Offsets(consumer, admin, self._settings.kafka.group_id),
            dead_letters=dead_letters,
            seek=consumer.seek,
            inflight=Inflight(),
            metrics=self._metrics,
            clock=self._clock,
            crash=self._crash,
            rng=random.Random(),
            traces=self._traces,
        )
        return services, consumer

    async def _poll(self, consumer: AIOKafkaConsumer, services: Services) -> None:
        """Fetch for the partitions that have room; ends only by an error or cancellation."""
        looked = self._clock.monotonic()
        while True:
            for topic in self._topics:
                topic.check()
            if any(topic.begins_anew for topic in self._topics):
                self._take(topic.anew() if topic.begins_anew else topic for topic in self._topics)
            try:
                await self._fetch(consumer)
            except NoOffsetForPartitionError:
                continue  # it was given to us within the call; its recovery has yet to say where it begins
            except OffsetOutOfRangeError as error:
                self._end_at_lost_offsets(error)
            except UnicodeDecodeError:
                await self._end_at_the_unreadable(consumer)
            for topic in self._topics:
                if topic.is_full:
                    topic.look()
            await asyncio.sleep(0)  # while the client has records at hand, it gives them without a pause
            if self._clock.monotonic() - looked >= LOOK_SECONDS:
                looked = self._clock.monotonic()
                await self._look(consumer, services)

    async def _fetch(
        self, consumer: AIOKafkaConsumer, *only: TopicPartition, at_once: int | None = None
    ) -> None:
        """Of those that have room, or of these among them."""
        wanting = {
            tp: partition
            for tp, partition in self._partitions.items()
            if partition.wants and (not only or tp in only)
        }
        # The client waits for the end of a rebalance, whatever its own limit.
        try:
            async with asyncio.timeout(self._rebalance_seconds):
                fetched = await consumer.getmany(
                    *(wanting or [NOBODY]),
                    timeout_ms=2 * POLL_MS
                    if only
                    else POLL_MS,  # what is fetched anew may take Kafka all of one
                    max_records=at_once,
                )
        except TimeoutError as error:
            raise Retryable("kafka", f"the group gave nothing for {self._rebalance_seconds:g} s") from error
        for tp, records in fetched.items():
            # A rebalance within the call may have taken it, or given it anew: then what was fetched since that
            # one runs is its own, and will not be fetched again.
            partition = self._partitions.get(tp)
            if partition is not None and (partition is wanting[tp] or partition.state is State.RUNNING):
                partition.accept(records)
        for topic in self._topics:
            if any(partition.tp in fetched for partition in topic.partitions.values()):
                topic.look()

    def _end_at_lost_offsets(self, error: OffsetOutOfRangeError) -> None:
        """Kafka no longer has what was to be read: an operator must decide, no silent jump."""
        for tp, offset in error.args[0].items():
            if tp in self._partitions:
                self._partitions[tp].ends = f"offset {offset} is no longer in Kafka"

    async def _end_at_the_unreadable(self, consumer: AIOKafkaConsumer) -> None:
        """The client cannot read a record with a header whose name is not UTF-8, and has lost what it had fetched with
        it. All that is fetched again, of one partition at a time; of the one that has it record by record, up to it.
        """
        wanting = {tp: partition for tp, partition in self._partitions.items() if partition.wants}
        for tp, partition in wanting.items():
            consumer.seek(tp, partition.next)
        for tp, partition in wanting.items():
            if await self._stumbles(consumer, tp):
                consumer.seek(tp, partition.next)
                while partition.wants and self._partitions.get(tp) is partition:
                    if await self._stumbles(consumer, tp, at_once=1):
                        partition.ends = (
                            f"the message at offset {partition.next} has a header whose name is not UTF-8"
                        )

    async def _stumbles(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, at_once: int | None = None
    ) -> bool:
        """Fetch of one partition; whether there is something among it that cannot be read."""
        try:
            await self._fetch(consumer, tp, at_once=at_once)
        except UnicodeDecodeError:
            return True
        return False

    async def _look(self, consumer: AIOKafkaConsumer, services: Services) -> None:
        """Show where the partitions stand, and whether they move. Raises Stalled, Fatal."""
        self._metrics.ingest_inflight_bytes.set(services.inflight.bytes)
        states = Counter(partition.state for partition in self._partitions.values())
        for state in State:
            self._metrics.ingest_partitions.labels(state).set(states[state])
        ends = await services.offsets.ends(self._partitions)
        behind = {tp: await self._is_behind(consumer, tp, ends[tp]) for tp in ends}
        for tp, partition in self._partitions.items():
            partition.halt_at_its_end()
            if partition.committed is None:
                continue
            waiting = None
            if tp in ends:
                # What ends a partition may be markers of transactions: no messages, and never stored.
                settled = partition.is_settled and not behind[tp]
                lag = 0 if settled else max(0, ends[tp] - partition.committed)
                self._metrics.consumer_lag_messages.labels(tp.topic, str(tp.partition)).set(lag)
                waiting = lag > 0
            seconds = partition.age.seconds(self._clock.time(), waiting=waiting)
            self._metrics.consumer_lag_seconds.labels(tp.topic, str(tp.partition)).set(seconds)
        self._watchdog.look(self._partitions.values(), [tp for tp in ends if behind[tp]])

    async def _is_behind(self, consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> bool:
        """Whether Kafka has messages that the consumer could have given. The last ones of a partition may be
        markers of transactions, and those of an open transaction are not for us yet."""
        if tp not in self._partitions or self._partitions[tp].state is not State.RUNNING:
            return False
        position, stable = await consumer.position(tp), consumer.last_stable_offset(tp)
        asked = (consumer.last_poll_timestamp(tp) or 0) / 1000
        fresh = self._clock.time() - asked < self._settings.ingest.stall_seconds
        return bool(position < end and not (fresh and stable is not None and position >= stable))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Exceptions raised here would only be logged by aiokafka, so nothing here can fail: partitions do the work."""

    def __init__(self, ingestion: Ingestion, services: Services, child: Child) -> None:
        self._ingestion = ingestion
        self._services = services
        self._child = child

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._ingestion.own(assigned, self._services)
        self._child.ready()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 - always all
        await self._ingestion.leave(LEAVE_SECONDS)
