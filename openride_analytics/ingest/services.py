"""What the topics of one process share."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from openride_analytics.clock import Clock
from openride_analytics.ingest.crash import CrashPoints
from openride_analytics.ingest.dead_letters import DeadLetters
from openride_analytics.ingest.inflight import Inflight
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.settings import Settings
from openride_analytics.telemetry import Metrics, Traces


@dataclass(frozen=True)
class Services:
    """Made anew with each consumer; `seek` is the consumer's."""

    settings: Settings
    warehouse: Warehouse
    offsets: Offsets
    dead_letters: DeadLetters
    seek: Callable[[TopicPartition, int], None]
    inflight: Inflight
    metrics: Metrics
    clock: Clock
    crash: CrashPoints
    rng: random.Random
    traces: Traces = field(default_factory=Traces)
