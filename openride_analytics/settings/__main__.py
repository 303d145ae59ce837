"""`python -m openride_analytics.settings FILE`: write the table of settings between its two markers."""

import sys
from pathlib import Path

from openride_analytics.settings.describe import with_table

if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_table(file.read_text("utf-8")), "utf-8")
