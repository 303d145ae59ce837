"""A real Prometheus, where it is installed (Debian: the package prometheus)."""

import asyncio
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from openride_analytics.embedded.process import free_port
from tests.support.eventually import poll

_STOP_SECONDS = 10


def checked(metrics: str) -> str:
    """What `promtool check metrics` has to say against the text of /metrics. Skips where there is none."""
    done = _promtool("check", "metrics", given=metrics)
    return done.stdout + done.stderr


def failed_rules(tests: Path) -> str:
    """What `promtool test rules` has to say against the rules that a file tests. Skips where there is none."""
    done = _promtool("test", "rules", str(tests))
    return done.stdout + done.stderr if done.returncode else ""


def _promtool(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no `promtool` on the PATH (Debian: apt install prometheus)")
    return subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )


async def scraping(url: str, folder: Path, questions: Mapping[str, str]) -> dict[str, float] | None:
    """What a Prometheus that scrapes `url` answers, once it answers every question; None where there is none."""
    program = shutil.which("prometheus")
    if program is None:
        return None
    folder.mkdir()
    port, config = free_port(), folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        f"scrape_configs: [{{job_name: openride, static_configs: [{{targets: ['{urlsplit(url).netloc}']}}]}}]\n"
    )
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *options, f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log
        )
        try:
            return await _answers(f"http://127.0.0.1:{port}/api/v1/query", questions)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)


async def _answers(url: str, questions: Mapping[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    async with httpx.AsyncClient(timeout=5) as client:

        async def all_answered() -> bool:
            for name, question in questions.items():
                try:
                    answer = await client.get(url, params={"query": question})
                    found[name] = float(answer.json()["data"]["result"][0]["value"][1])
                except (httpx.TransportError, KeyError, IndexError, ValueError):
                    return False
            return True

        await poll(all_answered)
    return found
