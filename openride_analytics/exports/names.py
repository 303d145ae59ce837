"""What files are called: by those who ask for them, and where they are kept."""

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from openride_analytics.schema.exports import LONGEST_FILENAME, Compression, ExportRequest, Format
from openride_analytics.stats.periods import Period

SUFFIXES: Final = {Format.CSV: "csv", Format.EXCEL: "xlsx", Format.PARQUET: "parquet", Format.JSONL: "jsonl"}
MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "jsonl": "application/x-ndjson",
    "gz": "application/gzip",
}


def suffix(form: Format, compression: Compression) -> str:
    """What a file's name ends with, without the first dot."""
    return SUFFIXES[form] + (".gz" if compression is Compression.GZIP else "")


def file_name(asked: ExportRequest, period: Period) -> str:
    """The name that a file is offered under: as was asked, made harmless, with the format's ending."""
    ending = f".{suffix(asked.format, asked.compression)}"
    given = asked.filename
    name = harmless(given) if given else f"{asked.dataset}_{period.first_day}_{period.last_day}"
    name = name.removesuffix(ending) or "export"
    return name[: LONGEST_FILENAME - len(ending)] + ending


def harmless(name: str) -> str:
    """One name within one directory, on any system, without characters that cannot be seen."""
    kept = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char)[0] != "C"
    )
    return re.sub(r'[\\/:*?"<>|]', "_", kept).strip(" .").lstrip("-~") or "export"


def content_disposition(name: str) -> str:
    """The header (RFC 6266): in ASCII for all, and as it is for those who read RFC 5987."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def media_type(name: str) -> str:
    """By the ending of a name that was made here."""
    return MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
