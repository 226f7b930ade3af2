"""Processes that a recording starts, each ended by its own id and no other."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType

PATIENCE_S = 30.0


class CommandError(RuntimeError):
    """A command failed; the message holds what it wrote to standard error."""


def run(*words: str, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Runs a command to its end; its standard output. Raises CommandError."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        raise CommandError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Processes:
    """Starts processes with logs in one directory; ends all that are left, last first."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in reversed(self._running.copy()):
            self.stop(name)

    def log(self, name: str) -> str:
        """What the process wrote so far, both streams."""
        return (self._log_dir / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def start(self, name: str, words: list[str], env: dict[str, str] | None = None) -> None:
        """Starts a process in the background; `name` is unique and names its log."""
        # Should this process be killed outright, its children end too.
        words = ["setpriv", "--pdeathsig", "TERM", *words]
        with (self._log_dir / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env
            )

    def wait_for(self, name: str, word: str) -> None:
        """Waits until the log has `word`. Raises CommandError when it ends or takes too long."""
        until = time.monotonic() + PATIENCE_S
        while word not in self.log(name):
            if self._running[name].poll() is not None or time.monotonic() > until:
                raise CommandError(f"{name} did not start: {self.log(name).strip()}")
            time.sleep(0.05)

    def check(self, name: str) -> None:
        """Raises CommandError if the process ended with a failure; running still is fine."""
        code = self._running[name].poll()
        if code:
            raise CommandError(f"{name} ended with {code}: {self.log(name).strip()}")

    def check_running(self, name: str) -> None:
        """Raises CommandError if the process ended at all."""
        code = self._running[name].poll()
        if code is not None:
            raise CommandError(f"{name} ended early with {code}: {self.log(name).strip()}")

    def stop(self, name: str) -> None:
        """Ends one process, first politely."""
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
