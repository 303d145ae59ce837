"""`python -m openride_analytics.settings FILE...`: write what there is to set into each.

Into a Markdown file the table, between its two markers; any other becomes an example of a file of variables.
"""

import sys
from pathlib import Path

from openride_analytics.settings.describe import env_example, with_table

if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(
            with_table(file.read_text("utf-8")) if file.suffix == ".md" else env_example(), "utf-8"
        )
