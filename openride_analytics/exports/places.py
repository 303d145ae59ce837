"""Which file store the settings ask for."""

from openride_analytics import settings as tree
from openride_analytics.exports.directory import Directory
from openride_analytics.exports.files import FileStore


def file_store(settings: tree.Exports) -> FileStore:
    """Nothing is connected to, or made, before it is needed."""
    if settings.store_url is None:
        return Directory(settings.temp_dir)
    from openride_analytics.exports.objects import Objects  # noqa: PLC0415 - a large library, for those who use it

    return Objects(settings)
