"""What is about to be inserted, written into the commit metadata of each partition that has a share in it.

A crash between the insert and the commit must not make the next owner cut other batches: ClickHouse
recognizes a repeated insert by its token, and the token names the offsets. The partitions of one batch may get
different owners: each finds the whole intent, and whoever repeats it repeats all of it, so that the token
always meets the same rows.
"""

import msgspec

from openride_analytics.ingest.batch import Span

VERSION = 2

# A broker takes 4,096 bytes of metadata a partition; a span is at most 60 of them.
MAX_SPANS = 60


class Intent(msgspec.Struct, frozen=True):
    """An insert of the offsets of `spans`, in the order of their partitions.

    `rows` is how many rows it had; `epoch` is the topic's, for the token and for ids.
    """

    epoch: str
    rows: int
    spans: tuple[Span, ...]
    v: int = VERSION

    def encode(self) -> str:
        """JSON of less than 4,096 bytes."""
        return msgspec.json.encode(self).decode()

    def token(self, env: str, topic: str) -> str:
        """The `insert_deduplication_token`. Holds no code version: it must outlive releases."""
        offsets = ",".join(f"{span.partition}:{span.first}-{span.last}" for span in self.spans)
        return f"{env}:{self.epoch}:{topic}:{offsets}"

    def end(self, partition: int) -> int:
        """The last offset of a partition that has a share."""
        return next(span.last for span in self.spans if span.partition == partition)


_decoder = msgspec.json.Decoder(Intent)


def parse(metadata: str | None) -> Intent | None:
    """The intent in a commit's metadata; None where there is none or it is somebody else's text."""
    if not metadata:
        return None
    try:
        intent = _decoder.decode(metadata)
    except msgspec.DecodeError:
        return None
    return intent if intent.v == VERSION else None
