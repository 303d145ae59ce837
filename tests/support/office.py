"""LibreOffice: a program that opens workbooks, and is not the library that wrote them."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

LIMIT_SECONDS = 100

# Every sheet, commas, double quotes, UTF-8, cells as they are shown, text in quotes.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false,false,false,-1"


def require_office() -> str:
    """The program. Skips where there is none."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("no `soffice` on the PATH: LibreOffice Calc opens the workbook")
    return program


def shown(workbook: Path) -> dict[str, list[list[str]]]:
    """What LibreOffice shows in the cells of each sheet, by its name."""
    program, folder = require_office(), workbook.parent
    command = [program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    done = subprocess.run(
        [*command, "--convert-to", _CSV, "--outdir", str(folder), str(workbook)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    found = {}
    for file in folder.glob(f"{workbook.stem}-*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            found[file.stem.removeprefix(f"{workbook.stem}-")] = list(csv.reader(lines))
    assert found, f"LibreOffice opened nothing: {done.stdout}{done.stderr}"
    return found
