"""A store that keeps nothing where its scratch folder is, as an object store will."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.store import ABSENT, Changed, Document, Entry, Version


@dataclass(frozen=True)
class Elsewhere:
    """Keeps files in memory, by name. A code that builds a path itself finds nothing there.

    Attributes:
        scratch: the folder in which steps make files; what is fetched is copied into it.
        files: each file with its version, mark and time.
    """

    scratch: Path
    files: dict[str, tuple[bytes, Version, str, datetime]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def is_local(self) -> bool:
        return False

    def url(self, name: str = "") -> str:
        return f"memory://lake/{name}"

    def read(self, name: str) -> Document | None:
        if name not in self.files:
            return None
        data, version, _, _ = self.files[name]
        return Document(data, version)

    def version(self, name: str) -> Version:
        return self.files[name][1] if name in self.files else ABSENT

    def write(self, name: str, data: bytes, over: Version) -> Version:
        return self._put(name, data, over, f"written {next(self._numbers)}")

    def keep(self, file: Path, name: str, over: Version) -> Version:
        version = self._put(name, file.read_bytes(), over, str(file.stat().st_ino))
        file.unlink()
        return version

    def copy(self, name: str, to: str, over: Version) -> Version:
        return self.write(to, self.files[name][0], over)

    def fetch(self, name: str) -> Path | None:
        if name not in self.files:
            return None
        data, version, _, _ = self.files[name]
        path = self.scratch / "fetched" / version / name
        if not path.exists():
            make_private_dir(path.parent)
            path.write_bytes(data)
        return path

    def mark(self, name: str) -> str | None:
        return self.files[name][2] if name in self.files else None

    def mark_of(self, file: Path) -> str:
        return str(file.stat().st_ino)

    def children(self, folder: str) -> list[str]:
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        below = [name.removeprefix(prefix) for name in self.files if name.startswith(prefix)]
        return sorted({name.partition("/")[0] for name in below})

    def entries(self, name: str) -> Iterator[Entry]:
        for stored, (data, _, _, modified) in list(self.files.items()):
            if not name or stored == name or stored.startswith(f"{name}/"):
                yield Entry(stored, len(data), modified)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self.files.pop(name, None)

    def _put(self, name: str, data: bytes, over: Version, mark: str) -> Version:
        if self.version(name) != over:
            raise Changed(self.url(name))
        version = Version(f"v{next(self._numbers)}")
        self.files[name] = (data, version, mark, datetime.now(UTC))
        return version
