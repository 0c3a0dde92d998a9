"""The pages of an unfinished read in an object store, where another machine goes on with them.

While a directory is read, the new bytes of the files of its checkpoint are stored as segments. A segment has
a number, and is created, never replaced: of two processes that go on with the same read, one ends with
`Changed`. The segments in their order, joined, are the files.
"""

import gzip
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.store import ABSENT, Store, StoreTrouble

INTERVAL: Final = 10.0
"""Seconds between two segments. A machine that is lost costs at most the pages of this time."""

LEVEL: Final = 1  # of gzip: pages of JSON become a tenth, at 100 MB per second and more

NAME: Final = re.compile(r"\d{6}\.gz")


class Segments:
    """Stores what is new of the files of a read, in the background."""

    def __init__(self, store: Store, name: str, folder: Path) -> None:
        """Makes the files from the segments that are stored; others in the folder are removed.

        Args:
            store: of the lake.
            name: of the folder of the segments.
            folder: of this machine, with the files of the read.
        """
        self._store, self._name, self._folder = store, name, folder
        self._sent: dict[str, int] = {}
        for file in make_private_dir(folder).glob("*.jsonl"):
            file.unlink()
        stored = [child for child in store.children(name) if NAME.fullmatch(child)]
        for segment in stored:
            self._join(segment)
        self._number = len(stored)
        self._last = monotonic()
        self._sending: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "segments")

    def note(self, sizes: Mapping[str, int]) -> None:
        """Stores a segment in the background, if the last one is ten seconds old.

        Args:
            sizes: of the files, in bytes, after the last complete page.

        Raises:
            Changed: another process goes on with the same read.
        """
        if self._sending is not None:
            if not self._sending.done():
                return
            self._finish()
        if monotonic() - self._last >= INTERVAL:
            self._last = monotonic()
            self._sending = self._thread.submit(self._send, dict(sizes))

    def save(self, sizes: Mapping[str, int]) -> None:
        """Stores everything that is new, and waits until it is stored.

        Raises:
            Changed: another process goes on with the same read.
            StoreTrouble: the store did not answer.
        """
        self._finish()
        self._send(sizes)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()

    def _finish(self) -> None:
        """Waits for the segment that is on its way; if it was not stored, the next one has its bytes."""
        sending, self._sending = self._sending, None
        if sending is not None:
            try:
                sending.result()
            except StoreTrouble:
                return

    def _send(self, sizes: Mapping[str, int]) -> None:
        new = {file: size - self._sent.get(file, 0) for file, size in sizes.items()}
        new = {file: size for file, size in new.items() if size > 0}
        if not new:
            return
        content = [msgspec.json.encode(new), b"\n"]
        for file, size in new.items():
            with (self._folder / file).open("rb") as opened:
                opened.seek(self._sent.get(file, 0))
                content.append(opened.read(size))
        data = gzip.compress(b"".join(content), LEVEL)
        self._store.write(f"{self._name}/{self._number:06}.gz", data, ABSENT)
        self._number += 1
        self._sent = dict(sizes)

    def _join(self, segment: str) -> None:
        document = self._store.read(f"{self._name}/{segment}")
        if document is None:
            raise StoreTrouble(
                f"{self._store.url(self._name)}/{segment} has just been removed.",
                impact="The read was not continued; the published directory stays as it is.",
                remedy="nothing, if a retry follows; else start the sync again.",
            )
        header, _, content = gzip.decompress(document.data).partition(b"\n")
        for file, size in msgspec.json.decode(header, type=dict[str, int]).items():
            with (self._folder / Path(file).name).open("ab") as opened:
                opened.write(content[:size])
            content = content[size:]
            self._sent[file] = self._sent.get(file, 0) + size
