"""The thread for what reports compute: charts, messages with large files."""

from typing import Final

from openride_analytics.compute import Thread

apart: Final = Thread("reports")
