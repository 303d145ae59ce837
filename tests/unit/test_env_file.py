"""The env file is understood alike by a shell, by dotenv and by the settings."""

import stat
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from openride_analytics.embedded.env_file import remove_env_file, write_env_file
from openride_analytics.embedded.process import ServerFailed

VALUES = {"PLAIN": "redis://127.0.0.1:1/0", "EMPTY": "", "ODD": 'a b#c "d" $HOME `e` ; & ü', "LAST": "1"}


def read_by_shell(path: Path) -> dict[str, str]:
    show = "; ".join(f'printf "%s\\0" "${name}"' for name in VALUES)
    command = ["sh", "-c", f"set -a; . {path}; {show}"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=10).stdout.decode()
    return dict(zip(VALUES, output.split("\0"), strict=False))


@pytest.mark.parametrize("read", [read_by_shell, dotenv_values])
def test_values_are_read_back(tmp_path: Path, read: object) -> None:
    write_env_file(tmp_path / "env", VALUES)
    assert callable(read)
    assert read(tmp_path / "env") == VALUES


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", VALUES)
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


def test_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", VALUES)
    assert [path.name for path in tmp_path.iterdir()] == ["env"]


def test_it_replaces_what_was_there(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", {"OLD": "1"})
    write_env_file(tmp_path / "env", {"NEW": "1"})
    assert dotenv_values(tmp_path / "env") == {"NEW": "1"}


@pytest.mark.parametrize("value", ["it's", "a\\b", "a\nb", "${HOME}"])
def test_what_they_would_read_differently_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ServerFailed, match="NAME"):
        write_env_file(tmp_path / "env", {"NAME": value})


def test_ours_is_removed(tmp_path: Path) -> None:
    write_env_file(tmp_path / "env", VALUES)
    remove_env_file(tmp_path / "env")
    assert not (tmp_path / "env").exists()


def test_that_of_somebody_else_is_kept(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("MINE=1\n")
    with pytest.raises(ServerFailed, match="not written by this command"):
        remove_env_file(tmp_path / "env")


@pytest.mark.parametrize("name", [".", "file/env"])
def test_where_no_file_can_be_is_told(tmp_path: Path, name: str) -> None:
    """A directory, and below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(ServerFailed, match="cannot be used"):
        remove_env_file(tmp_path / name)
    with pytest.raises(ServerFailed, match="cannot be used"):
        write_env_file(tmp_path / name, VALUES)
