"""When Python looks for garbage: seldom by itself, and at once where much has just been made."""

import gc
import sys
from typing import Final

_COLLECT_AT: Final = 700_000  # objects more than at the last collection; garbage of so many is some 100 MB


def spare_events() -> None:
    """From now on look seldom. Nearly all objects are events in flight, hundreds of thousands, none of them in a
    cycle: they go when they are stored. Looking at each of them again and again took a third of the processor time of
    ingestion, and held the loop for a tenth of a second at a time.
    """
    sys.setswitchinterval(0.001)  # the loop gets its turn from the thread that decodes after 1 ms, not 5
    gc.freeze()  # what is there now stays
    gc.set_threshold(_COLLECT_AT, 10, 10)


def collect_new() -> None:
    """Free what has become garbage since the last look: to be called after work that leaves cycles behind by the ten
    thousand, as workbooks and figures do (12 MB of memory each). Holds the interpreter for some 15 ms, and up to
    200 ms while hundreds of thousands of events are in flight.
    """
    gc.collect(0)
