"""A forwarder between a node and its PostgreSQL, to cut or to hold back what passes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from sqlalchemy import make_url


class Wire:
    """A forwarder between a node and its database that can be cut, or hold everything back."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._is_silent = threading.Event()
        self._may_pass = threading.Event()
        self._may_pass.set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _address = self._listener.accept()
                self._sockets.append(inner)
                self._may_pass.wait()
                if self._is_silent.is_set():
                    continue
                outer = socket.create_connection(("127.0.0.1", self._target))
                self._sockets.append(outer)
                for source, sink in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                self._may_pass.wait()
                if not self._is_silent.is_set():
                    sink.sendall(content)

    def hold_back(self) -> None:
        """Take whatever is sent and pass nothing on: no answer, no refusal."""
        self._is_silent.set()

    def let_through(self) -> None:
        """Pass on again what is sent from now on."""
        self._is_silent.clear()

    def stop(self) -> None:
        """Keep whatever is sent, as a stopped database does, which reads it when it goes on."""
        self._may_pass.clear()

    def go_on(self) -> None:
        """Deliver what was kept, even if the sender has gone."""
        self._may_pass.set()

    def cut(self) -> None:
        """Refuse new connections and drop those that there are."""
        self._may_pass.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._accepting.join(5)


def through(wire: Wire, uri: str) -> str:
    return make_url(uri).set(port=wire.port).render_as_string(hide_password=False)
