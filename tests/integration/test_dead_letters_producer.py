"""The producer of dead letters and a broker that says nothing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.errors import Reason, Rejected, Retryable
from openride_analytics.ingest import dead_letters
from openride_analytics.ingest.dead_letters import DeadLetter, DeadLetters
from openride_analytics.settings import load
from tests.support.eventually import eventually
from tests.support.intake import BAD, record

LETTER = DeadLetter(record(0, BAD), Rejected(Reason.UNKNOWN_EVENT_TYPE, "there is none"))


async def test_who_is_given_up_while_the_broker_hangs_ends_once_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not go on beside the next one, with its connections: one for each try of an outage."""
    monkeypatch.setattr(dead_letters, "CLOSE_SECONDS", 0.2)
    async with EmbeddedKafka(tmp_path, topics={"dlq": 1}) as broker:
        assert broker.pid is not None
        settings = load({"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "KAFKA_TOPIC_DLQ": "dlq"})
        before, letters = asyncio.all_tasks(), DeadLetters(settings)
        await letters.send([LETTER], 0.0)
        monkeypatch.setattr(dead_letters, "SEND_SECONDS", 0.5)
        os.kill(broker.pid, signal.SIGSTOP)
        await asyncio.to_thread(os.waitpid, broker.pid, os.WUNTRACED)  # all its threads stand still
        try:
            with pytest.raises(Retryable):
                await letters.send([LETTER], 0.0)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
            await letters.close()
        await eventually(lambda: asyncio.all_tasks() <= before)
