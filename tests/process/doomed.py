"""Workers that come to nothing, for a supervisor of real processes: `python doomed.py KIND FOLDER`."""

import contextlib
import logging
import multiprocessing
import os
import socket
import sys
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

from app.server import supervisor
from app.server.farewell import READY

COUNT = 2


def born(folder: str) -> None:
    """Note when a worker was born."""
    with (Path(folder) / "born").open("a") as file:
        file.write(f"{time.monotonic()} {os.getpid()}\n")


def die_early(_tie: socket.socket, folder: str) -> None:
    """Never ready."""
    born(folder)
    os._exit(7)


def die_soon(tie: socket.socket, folder: str) -> None:
    """Ready, and dead at once."""
    born(folder)
    tie.send(READY)
    os._exit(8)


def hang(tie: socket.socket, folder: str) -> None:
    """Ready, and never heard of again; the first two of them, the others work."""
    born(folder)
    tie.send(READY)
    while len((Path(folder) / "born").read_text().splitlines()) <= COUNT:
        time.sleep(0.01)
    tie.settimeout(0.02)
    while True:
        tie.send(b".")
        with contextlib.suppress(TimeoutError):
            tie.recv(1)
            return


def main(kind: str, folder: str) -> int:
    """Supervise workers of a kind until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    supervisor.BACK_OFF_SECONDS = 0.05
    supervisor.APART_SECONDS = 0.3
    supervisor.HUNG_SECONDS = 1.0 if kind == "hang" else 30.0
    spawning = multiprocessing.get_context("spawn")
    work = {"early": die_early, "soon": die_soon, "hang": hang}[kind]

    def spawn(tie: socket.socket) -> SpawnProcess:
        return spawning.Process(target=work, args=(tie, folder))

    say = logging.warning
    return supervisor.Supervisor(COUNT, spawn, [], lambda: 0.0, report=say, tick=lambda: None).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
