"""`python -m openride_analytics.telemetry FILE`: write the table of metrics between its two markers."""

import sys
from pathlib import Path

from openride_analytics.telemetry.describe import with_table

if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_table(file.read_text("utf-8")), "utf-8")
