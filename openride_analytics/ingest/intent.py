"""What is about to be inserted, written into the commit metadata of the offset it starts at.

A crash between the insert and the commit must not make the next owner cut other batches: ClickHouse
recognizes a repeated insert by its token, and the token names the offsets.
"""

import msgspec

VERSION = 1


class Intent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An insert of the offsets from the committed one up to and including `end`.

    `at` is the time (epoch milliseconds) at which the messages' ages were judged, so that judging them
    again gives the same rows; `rows` is how many rows that was; `epoch` is the topic's, for the token.
    """

    end: int
    at: int
    rows: int
    epoch: str
    v: int = VERSION

    def encode(self) -> str:
        """At most a few hundred of the 4,096 bytes that a broker allows."""
        return msgspec.json.encode(self).decode()


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


def token(env: str, epoch: str, topic: str, partition: int, first: int, last: int) -> str:
    """The `insert_deduplication_token` of a range of offsets. Holds no code version: it must outlive releases."""
    return f"{env}:{epoch}:{topic}:{partition}:{first}-{last}"
