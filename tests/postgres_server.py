"""A private PostgreSQL server, made of the installed binaries in a folder; as another user when this runs as root."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

PORT = 5432  # names the socket; nothing listens on the network
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class Server:
    """A private server in a folder."""

    def __init__(self, folder: Path, binaries: Path, **settings: str) -> None:
        self.folder = folder
        self.binaries = binaries
        self.settings = _SETTINGS | settings

    def make(self) -> None:
        """The files of a new server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            owner = pwd.getpwnam(_user())
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.folder.chmod(0o711)
        language = ["--locale-provider=icu", "--icu-locale=en-US"] if self._sorts_by_language() else []
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", *language, "-N"]
        self._run("initdb", "-D", self._data, *options)

    def _sorts_by_language(self) -> bool:
        """Whether the server can be one whose texts sort as in a language, which is not by code point: 15 and newer."""
        told = subprocess.run([str(self.binaries / "initdb"), "--help"], capture_output=True, text=True, check=True)
        return "--icu-locale" in told.stdout

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = [f"-c {name}={value!r}" for name, value in self.settings.items()]
        options = " ".join([f"-k {self.folder}", f"-p {PORT}", *settings])
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it; `immediate` is as if it crashed."""
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop", check=False)

    def kill(self) -> None:
        """Kill its main process; the others see that and end."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def start_again(self) -> None:
        """Start it after it was killed, once the last of its processes has seen that."""
        until = time.monotonic() + 120
        while True:
            try:
                return self.start()
            except AssertionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        user = {"user": _user(), "group": pwd.getpwnam(_user()).pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        with (self.folder / f"{program}.log").open("wb") as log:
            done = subprocess.run(
                [str(self.binaries / program), *arguments], stdout=log, stderr=log, cwd="/", timeout=120, **user
            )
        told = (self.folder / f"{program}.log").read_text()
        assert done.returncode == 0 or not check, f"{program}: {told}"

    def url(self, database: str) -> str:
        """How to reach a database of it."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={PORT}"


def _user() -> str:
    """Who runs the server when the tests run as root, which PostgreSQL refuses to."""
    names = [each.pw_name for each in pwd.getpwall()]
    return "postgres" if "postgres" in names else "nobody"


def binaries() -> Path | None:
    """Where the server's programs are, None if there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    places = [path.parent for path in found] + ([Path(on_path).parent] if on_path else [])
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)
