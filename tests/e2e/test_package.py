"""The package as it is installed: from a wheel, from a checkout, and what its lock files hold."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
LIMIT = 120  # seconds for one command

pytestmark = pytest.mark.e2e


def out(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    """What a command prints, run where neither checkout nor settings are at hand."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "-w", folder, ROOT)
    out(sys.executable, "-m", "pip", "--disable-pip-version-check", *build, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel's package; the other packages are those of this environment."""
    target = tmp_path_factory.mktemp("installed")
    install = ("install", "--no-deps", "--no-index", "--quiet", "--target", target, wheel)
    out(sys.executable, "-m", "pip", "--disable-pip-version-check", *install, cwd=target)
    return target


def test_sql_is_found_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    script = "from openride_analytics.store import sql; print(sql.root())"
    found = out(sys.executable, "-c", script, cwd=tmp_path, path=installed)
    assert Path(found) == installed / "openride_analytics" / "sql"


def test_sql_is_found_from_the_checkout(tmp_path: Path) -> None:
    script = "from openride_analytics.store import sql; print(sql.root())"
    assert Path(out(sys.executable, "-c", script, cwd=tmp_path)) == ROOT / "sql"


def test_wheel_holds_every_sql_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.endswith(".sql")}
    assert held == {f"openride_analytics/{file.relative_to(ROOT)}" for file in (ROOT / "sql").rglob("*.sql")}


def test_wheel_holds_every_template(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.endswith(".jinja")}
    templates = (ROOT / "openride_analytics").rglob("*.jinja")
    assert held and held == {str(file.relative_to(ROOT)) for file in templates}


def test_wheel_holds_the_license_and_the_types_marker(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        ends = {Path(name).name for name in archive.namelist()}
    assert {"LICENSE", "py.typed"} <= ends


def test_wheel_leaves_the_tests_out(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"openride_analytics"}


def test_help_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    printed = out(sys.executable, "-m", "openride_analytics", "--help", cwd=tmp_path, path=installed)
    assert printed.startswith("usage: openride-analytics")


def test_version_from_the_wheel(installed: Path, wheel: Path, tmp_path: Path) -> None:
    printed = out(sys.executable, "-m", "openride_analytics", "--version", cwd=tmp_path, path=installed)
    assert printed == f"openride-analytics {wheel.name.split('-')[1]}"


def test_console_script(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("openride-analytics")
    assert out(script, "--version", cwd=tmp_path).startswith("openride-analytics ")


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_names_no_place_to_get_packages_from(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if re.search(r"://|^-|^/| @ |\.\w+/", line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_has_hashes_for_every_package(name: str) -> None:
    packages = re.split(r"\n(?=\w)", (ROOT / name).read_text())
    assert [package.split("==")[0] for package in packages if "--hash=sha256:" not in package] == []


def test_development_has_what_a_run_has() -> None:
    run, development = (set(re.findall(r"^\w\S*==\S+", (ROOT / name).read_text(), re.M)) for name in LOCKS)
    assert run - development == set()
