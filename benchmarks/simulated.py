"""A simulated company in another process, for the benchmarks."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

COMMAND = str(Path(sys.executable).with_name("opensense-okta"))


@contextmanager
def simulated(**options: object) -> Iterator[str]:
    """Starts `opensense-okta simulate` with these options, and yields the URL of its Okta organization."""
    with TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        flags = ["--quiet"] if options.pop("quiet", False) else []
        for name, value in {"port": 0, **options, "ready_file": ready}.items():
            flags += (f"--{name.replace('_', '-')}", str(value))
        process = subprocess.Popen([COMMAND, "simulate", *flags], stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise RuntimeError("the simulator did not start")
                time.sleep(0.1)
            yield ready.read_text().strip()
        finally:
            process.terminate()
            process.wait()


def advance_to(url: str, day: date) -> None:
    """Simulates the company's days until that date."""
    answer = httpx.post(f"{url}/_simulator/day", json={"day": str(day)}, timeout=600)
    answer.raise_for_status()
