"""Ingestion with a proxy before each of its servers, on the real Kafka."""

from collections.abc import AsyncIterator

import pytest

from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.settings import load
from tests.support.faults import Line
from tests.support.ingestion import Rig
from tests.support.kafka import Broker, KafkaBroker
from tests.support.proxy import Proxy
from tests.support.store import client_of


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> Broker:
    """The real one only: what breaks here is what the embedded one has not."""
    return Broker("kafka", kafka_broker.bootstrap, kafka_broker)


@pytest.fixture
def ingestion_environ(ingestion_environ: dict[str, str]) -> dict[str, str]:
    """Batches are small enough to be several; a member that died is soon given up, one on a busy machine is not."""
    return {
        **ingestion_environ,
        "KAFKA_SESSION_TIMEOUT_MS": "3000",
        "KAFKA_TOPIC_PARTITIONS": "3",
        "INGEST_BATCH_SIZE": "500",
        "HOST": "127.0.0.1",
        "PORT": "0",
    }


@pytest.fixture
async def line(rig: Rig, kafka_broker: KafkaBroker, ingestion_environ: dict[str, str]) -> AsyncIterator[Line]:
    """Nothing ingested yet, and both proxies passing on everything."""
    async with (
        Proxy("127.0.0.1", kafka_broker.behind_port, listen=kafka_broker.proxy_port) as kafka,
        Proxy(rig.database.host, rig.database.port) as proxy,
    ):
        settings = load(
            ingestion_environ
            | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.port}", "CLICKHOUSE_PORT": str(proxy.port)}
        )
        clickhouse = client_of(rig.database, port=proxy.port, pool_size=8)
        yield Line(rig, kafka, proxy, settings, clickhouse)
        await clickhouse.close()


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The token of each insert that was tried, in order."""
    tokens: list[str] = []
    insert = Warehouse.insert

    async def counted(self: Warehouse, batch: object, token: str) -> None:
        tokens.append(token)
        await insert(self, batch, token)  # type: ignore[arg-type]

    monkeypatch.setattr(Warehouse, "insert", counted)
    return tokens
