"""A proxy for HTTP on loopback, with raw sockets: it refuses, or connects to a peer whatever the host is."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class LoopbackProxy:
    """A proxy and the heads of the requests that it got.

    Attributes:
        refusal: what it answers to each request; empty if it connects to `target`.
        target: the port of the peer that it connects to.
    """

    refusal: bytes = b""
    target: int = 0
    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        """Answers until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head)
            if self.refusal:
                client.sendall(self.refusal)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as peer:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_copy, args=(peer, client), daemon=True)
                back.start()
                _copy(client, peer)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def a_proxy(refusal: bytes = b"", target: int = 0) -> Iterator[LoopbackProxy]:
    """A proxy that listens while the context lasts."""
    proxy = LoopbackProxy(refusal, target)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.port = listener.getsockname()[1]
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield proxy
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
