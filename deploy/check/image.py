"""Carry out Containerfile's own instructions in a clean root, without a container engine, and try what comes out.

`python deploy/check/image.py WORK [--base DIR]`, as root: WORK gets a base like the one that the file names (Debian by
debootstrap, this machine's Python 3.12 in /usr/local), then one root for each stage. In the last one the service is
started as the file's USER with a root that is mounted read-only, and what would be pushed is measured. Knows the
instructions that the file uses, and refuses others.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_MEGABYTES = 300
PROJECT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "ca-certificates,libssl3,libsqlite3-0,libffi8,libbz2-1.0,liblzma5,zlib1g,libreadline8,libexpat1,"
    "libuuid1,libncursesw6"
)
# What an image's layers hold that a push would not: the engine's own mount points, and Debian's lists of packages.
LEFT_OUT = ("proc", "sys", "dev", "run", "tmp", "var/cache/apt", "var/lib/apt/lists")
KNOWN_SKIPS = ("LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK")


@dataclass
class Stage:
    """A root file system and what its instructions have set so far."""

    root: Path
    env: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(NAME, arguments) of each, lines joined and comments left out."""
    lines = "\n".join(
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    )
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        name, _, rest = line.partition(" ")
        yield name.upper(), rest.strip()


def build(text: str, work: Path, base: Path) -> Stage:
    """Carry all of it out. The last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, rest in instructions(text):
        print(f"  {name} {rest[:100]}", flush=True)
        if name == "ARG":
            continue
        if name == "FROM":
            alias = rest.split(" AS ")[1] if " AS " in rest else "final"
            stage = stages[alias] = Stage(work / f"stage-{alias}")
            run("cp", "-a", "--reflink=auto", str(base), str(stage.root))
            continue
        assert stage is not None, f"{name} before FROM"
        carry_out(stage, stages, name, rest)
    assert stage is not None, "no FROM"
    return stage


def carry_out(stage: Stage, stages: dict[str, Stage], name: str, rest: str) -> None:
    """One instruction other than FROM."""
    match name:
        case "ENV":
            for pair in shlex.split(rest):
                key, _, value = pair.partition("=")
                stage.env[key] = value.replace("$PATH", stage.env["PATH"])
        case "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "COPY":
            copy(stage, stages, rest.split())
        case "RUN":
            inside(stage, ["/bin/sh", "-ec", rest], network=True)
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            json.loads(rest)
        case "HEALTHCHECK":
            stage.health = json.loads(rest[rest.index("CMD ") + 4 :])
        case _ if name not in KNOWN_SKIPS:
            sys.exit(f"{name}: not an instruction that this check knows")


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    """COPY of files, of a directory's content, or from another stage."""
    source = PROJECT
    if words[0].startswith("--from="):
        source = stages[words.pop(0).partition("=")[2]].root
    *names, target = words
    into = stage.root / (target if target.startswith("/") else f"{stage.workdir}/{target}").lstrip("/")
    for one in (source / name.lstrip("/") for name in names):
        if one.is_dir():
            shutil.copytree(
                one, into, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, into)


def inside(stage: Stage, argv: list[str], *, network: bool = False, read_only: bool = False) -> str:
    """Run a command in the stage's root; its output. With `network`, this machine's settings of pip are passed on."""
    env = dict(stage.env)
    mounts = [f"mount --rbind /dev {stage.root}/dev", f"mount -t proc proc {stage.root}/proc"]
    if network:
        env |= {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        env |= pip_settings()
        for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
            mounts += [f"touch {stage.root}{file}", f"mount --bind {file} {stage.root}{file}"]
        for folder in env.get("PIP_FIND_LINKS", "").split():
            if Path(folder).is_dir():
                mounts += [f"mkdir -p {stage.root}{folder}", f"mount --bind {folder} {stage.root}{folder}"]
    if read_only:
        mounts = [
            f"mount --bind {stage.root} {stage.root}",
            f"mount -o remount,bind,ro {stage.root}",
            *mounts,
        ]
        mounts += [f"mount -t tmpfs -o mode=1777 tmpfs {stage.root}/tmp"]
        mounts += [f"mount -t tmpfs -o mode=0700,uid=10001,gid=10001 tmpfs {stage.root}/var/lib/openride"]
    user, _, group = stage.user.partition(":")
    words = shlex.join(["env", "-i", *(f"{key}={value}" for key, value in env.items()), *argv])
    enter = f"cd {shlex.quote(stage.workdir)} && exec {words}"
    steps = [*mounts, f"exec chroot --userspec={user}:{group} {stage.root} /bin/sh -c {shlex.quote(enter)}"]
    return run("unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps))


def pip_settings() -> dict[str, str]:
    """What this machine's pip is configured with, as variables: the clean root has no such files."""
    told = run(sys.executable, "-m", "pip", "config", "list")
    found = re.findall(
        r"^(?:global|install)\.(index-url|extra-index-url|trusted-host)='(.*)'$", told, re.MULTILINE
    )
    return {f"PIP_{key.upper().replace('-', '_')}": value for key, value in found}


def run(*argv: str) -> str:
    """A command's standard output; its errors end this check."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(argv)[:300]}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def make_base(base: Path) -> None:
    """Debian bookworm's least, with this machine's Python 3.12 where the image has it."""
    if shutil.which("debootstrap") is None:
        sys.exit("debootstrap is needed; on Debian and Ubuntu: apt install debootstrap")
    sites = run(
        "apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)", "Created-By: Packages"
    ).splitlines()
    mirror = next((site.split()[0] for site in sites if site.endswith(" bookworm")), None)
    half = base.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    run(
        "debootstrap",
        "--variant=minbase",
        f"--include={LIBRARIES}",
        "bookworm",
        str(half),
        *([mirror] if mirror else []),
    )
    python = run(find_python(), "-c", "import sys; print(sys.base_prefix)").strip()
    run("cp", "-a", f"{python}/.", str(half / "usr/local"))
    for name in ("test", "idlelib", "tkinter", "turtledemo", "ensurepip/__pycache__"):
        shutil.rmtree(half / "usr/local/lib/python3.12" / name, ignore_errors=True)
    run("find", str(half / "usr/local/lib"), "-name", "*.a", "-delete")
    shutil.rmtree(half / "usr/local/lib/python3.12/site-packages", ignore_errors=True)
    run("chroot", str(half), "/sbin/ldconfig")
    run("chroot", str(half), "/usr/local/bin/python3.12", "-m", "ensurepip")
    for name in ("python", "python3"):
        (half / "usr/local/bin" / name).unlink(missing_ok=True)
        (half / "usr/local/bin" / name).symlink_to("python3.12")
    half.rename(base)


def find_python() -> str:
    """A Python 3.12 of this machine that is not one of the system's packages."""
    for place in (
        *Path.home().glob(".pyenv/versions/3.12*/bin/python3.12"),
        Path("/usr/local/bin/python3.12"),
    ):
        if place.exists():
            return str(place)
    sys.exit("a Python 3.12 of its own prefix is needed (pyenv's, or one in /usr/local)")


def tried(stage: Stage) -> None:
    """Start what the image starts, as its user, with nothing to write on but /tmp and its own directory."""
    help_text = inside(stage, [*stage.entrypoint, "serve", "--help"], read_only=True)
    assert "--roles" in help_text, help_text
    draws = (
        "from openride_analytics.reports import chart; chart._matplotlib()\n"
        "from matplotlib.figure import Figure; Figure().savefig('/tmp/chart.png')"
    )
    inside(stage, ["python", "-c", draws], read_only=True)
    # Everything imported, in production's settings: refused for want of a key, in one line.
    said = inside(
        stage,
        ["sh", "-c", "! python -m openride_analytics serve 2>&1; id -u; touch /x 2>&1 || true"],
        read_only=True,
    )
    assert "JWT_SECRET_KEY" in said and "\n10001\n" in said and "Read-only file system" in said, said
    alive = inside(stage, ["sh", "-c", serving(stage)], read_only=True)
    assert "alive" in alive, alive
    print(f"  serves as {stage.user} from a read-only root: {alive.strip()}")


def serving(stage: Stage) -> str:
    """Serve without any server up, wait for the health check, ask once, stop; 0 as the exit code."""
    health = shlex.join(stage.health)
    return (
        "export JWT_SECRET_KEY=0123456789abcdef0123456789abcdef PORT=18347 HOST=127.0.0.1\n"
        "export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1\n"
        "openride-analytics serve --roles api,exports >/tmp/log 2>&1 & pid=$!\n"
        f"n=0; until {health} 2>/dev/null\n"
        "do n=$((n+1)); [ $n -lt 60 ] || { cat /tmp/log; exit 1; }; sleep 0.5; done\n"
        "python -c 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:18347/health/live\").read().decode())'\n"
        "kill -TERM $pid; wait $pid || { cat /tmp/log; exit 1; }\n"
    )


def compressed(root: Path) -> int:
    """Bytes of the root as one gzipped layer."""
    left_out = " ".join(f"--exclude=./{name}/*" for name in LEFT_OUT)
    return int(run("sh", "-c", f"tar -C {root} --one-file-system {left_out} -cf - . | gzip -6 | wc -c"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    work: Path = parser.parse_args().work.resolve()
    if os.geteuid():
        sys.exit("make check-image needs root: it makes file systems of their own, and mounts them")
    work.mkdir(parents=True, exist_ok=True)
    base = work / "base"
    if not base.is_dir():
        make_base(base)
    for stale in work.glob("stage-*"):
        run("rm", "-rf", "--one-file-system", str(stale))
    stage = build((PROJECT / "Containerfile").read_text("utf-8"), work, base)
    tried(stage)
    size, of_base = compressed(stage.root) / 1e6, compressed(base) / 1e6
    print(f"  {size:.0f} MB compressed, {of_base:.0f} of them the base")
    if size > MOST_MEGABYTES:
        sys.exit(f"more than {MOST_MEGABYTES} MB")
    for stale in work.glob("stage-*"):
        run("rm", "-rf", "--one-file-system", str(stale))


if __name__ == "__main__":
    main()
