"""Packages of other Debian releases, fetched by apt into a cache; the system is not touched.

Each release gets an apt directory of its own, with the mirror that this system uses already.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lab.guests.processes import CommandError, run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Release:
    """One Debian release (its suite, say `bullseye`) and its packages."""

    def __init__(self, suite: str, cache: Path) -> None:
        self._directory = cache / "apt" / suite
        self._suite = suite
        self._updated = False

    def newest(self, pattern: str) -> str:
        """The package with the greatest version number in its name. Raises CommandError."""
        self._update()
        found = run("apt-cache", *self._options(), "search", "--names-only", pattern).splitlines()
        if not found:
            raise CommandError(f"{self._suite} has no package {pattern}")
        names = [line.split(" ")[0] for line in found]
        return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])

    def unpack(self, package: str, to: Path) -> None:
        """Downloads a binary package and unpacks its files below `to`. Raises CommandError."""
        self._update()
        self._apt("download", package)
        (deb,) = self._directory.glob(f"{package}_*.deb")
        run("dpkg-deb", "-x", str(deb), str(to))
        deb.unlink()

    def source(self, package: str) -> Path:
        """Downloads a source package; its original archive. Raises CommandError."""
        self._update()
        self._apt("source", "--download-only", package)
        found = self._directory.glob(f"{package}_*.orig.tar.*")
        return next(path for path in found if path.suffix != ".asc")

    def _update(self) -> None:
        if self._updated:
            return
        if not KEYRING.exists() or not shutil.which("apt-get"):
            raise CommandError("no apt-get with the Debian archive keyring here")
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (self._directory / directory).mkdir(parents=True, exist_ok=True)
        line = f"[signed-by={KEYRING}] {_mirror()} {self._suite} main\n"
        (self._directory / "sources.list").write_text(f"deb {line}deb-src {line}")
        self._apt("update", "-qq", "--error-on=any")
        self._updated = True

    def _apt(self, *words: str) -> None:
        # apt-get puts what it downloads into its working directory.
        run("apt-get", *self._options(), *words, cwd=self._directory)

    def _options(self) -> list[str]:
        options = {
            "Dir::State": self._directory / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": self._directory / "cache",
            "Dir::Etc::sourcelist": self._directory / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        }
        return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _mirror() -> str:
    """The Debian mirror among the system's own apt sources. Raises CommandError."""
    targets = run("apt-get", "indextargets", "--format", "$(LABEL)|$(CREATED_BY)|$(REPO_URI)")
    for line in targets.splitlines():
        label, made_by, address = line.split("|")
        if label == "Debian" and made_by == "Packages":
            return address
    raise CommandError("no Debian mirror among the system's apt sources")
