"""A producer's duplicates: the same event_id again at another offset of the same partition.

The window holds the last N ids stored from a partition as 64-bit folds of the UUIDs: 16 bytes an id in all.
Two different ids of one window share a fold with a chance of N / 2^64 per event (5 in 10^15), also where producers
count, or take the time and their own number for an id.
"""

import threading
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openride_analytics.store.native import uuid_bytes

Folds = NDArray[np.uint64]

# 2^64 over the golden ratio: a factor whose bits look random.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def fold(ids: Sequence[UUID]) -> Folds:
    """64 bits of each UUID, the same as in sql/queries/ingest/window.sql.

    Halves that were only joined would meet: those of ids that are not random differ in few bits, and often in the
    same. A factor alone leaves alike the low bits of what differs in its high ones, as times do.
    """
    high, low = np.frombuffer(uuid_bytes(ids), dtype=">u8").reshape(-1, 2).astype(np.uint64).T
    spread = high * _FACTOR
    folds: Folds = (spread ^ (spread >> _HALF)) * _FACTOR + low
    return folds


class DuplicateWindow:
    """The last `size` ids stored from one partition, at least: an eighth more now and then.

    Sorting 100,000 costs 5 ms, so what is new is kept beside, and merged once it is worth that.
    """

    def __init__(self, size: int, recent: Folds | None = None) -> None:
        """`recent`: what was stored before, oldest first."""
        self._size = size
        self._old = np.zeros(0, np.uint64) if recent is None else recent[-size:]
        self._new = np.zeros(0, np.uint64)
        self._sorted = (np.sort(self._old), self._new)
        self._repeated = self._new  # of those that were seen
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._old) + len(self._new)

    def seen(self, ids: Folds) -> NDArray[np.bool_]:
        """Which of `ids` (in offset order) are in the window or came earlier in `ids` itself."""
        repeated = np.ones(len(ids), np.bool_)
        repeated[np.unique(ids, return_index=True)[1]] = False
        with self._lock:
            for known in self._sorted:
                if len(known):
                    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
                    repeated |= known[places] == ids
            if repeated.any():
                self._repeated = np.concatenate([self._repeated, ids[repeated]])[-self._size :]
        return repeated

    def remember(self, ids: Folds) -> None:
        """`ids` are stored now, or soon; the oldest leave."""
        with self._lock:
            self._new = np.concatenate([self._new, ids])
            old = self._sorted[0]
            if len(self._new) > self._size // 8:
                self._old = np.concatenate([self._old, self._new])[-self._size :]
                self._new = np.zeros(0, np.uint64)
                old = np.sort(self._old)
            self._sorted = (old, np.sort(self._new))

    def forget(self, ids: Folds) -> bool:
        """`ids` were not stored after all. Whether one of them was seen again meanwhile."""
        with self._lock:
            self._old, self._new = (known[~np.isin(known, ids)] for known in (self._old, self._new))
            self._sorted = (np.sort(self._old), np.sort(self._new))
            return bool(np.isin(ids, self._repeated).any())
