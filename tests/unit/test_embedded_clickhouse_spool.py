"""The file between a client's blocks and the engine."""

from pathlib import Path

import pytest

from openride_analytics.embedded.clickhouse.spool import Spool


@pytest.mark.parametrize("memory_limit", [0, 10, 1000])
def test_what_was_written_is_read_by_path(tmp_path: Path, memory_limit: int) -> None:
    """All on disk, moved there midway, all in memory."""
    with Spool(tmp_path, memory_limit=memory_limit) as spool:
        for part in (b"01234567", b"89abcdef", b"end"):
            spool.write(memoryview(part))
        assert Path(spool.path).read_bytes() == b"0123456789abcdefend"


@pytest.mark.parametrize("memory_limit", [0, 1000])
def test_nothing_is_left_behind(tmp_path: Path, memory_limit: int) -> None:
    with Spool(tmp_path, memory_limit=memory_limit) as spool:
        spool.write(memoryview(b"0123"))
    assert list(tmp_path.iterdir()) == []
