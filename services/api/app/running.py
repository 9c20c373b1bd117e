"""One worker process under `llm-router serve`, from its first line to its last. What a worker holds and serves is others' business.

The supervisor of several knows this module too and serves nothing itself: what only a worker needs is imported when it runs.
"""

import socket

from .config.home import Environment, read_environment
from .current import Inherited
from .logging_utils.outlet import take_over_output
from .server.descriptors import most_connections
from .server.listening import BACKLOG


def work(listeners: list[socket.socket], tie: socket.socket, inherited: Inherited) -> None:
    """What one of several workers does. `tie` is its end of a socket pair to its supervisor."""
    take_over_output()
    serve(read_environment(), listeners, tie, inherited)


def serve(
    environment: Environment, listeners: list[socket.socket], tie: socket.socket | None = None, inherited: Inherited | None = None
) -> None:
    """Serve on `listeners` until told to stop; all is written out when this returns."""
    import uvicorn  # noqa: PLC0415 - see the module's docstring

    from .server.gentle import GentleServer  # noqa: PLC0415
    from .server.spare import Spare  # noqa: PLC0415
    from .service import create_app  # noqa: PLC0415
    from .worker import Worker  # noqa: PLC0415

    worker = Worker(environment, inherited=inherited)
    front = Spare(create_app(worker), most_connections())
    config = uvicorn.Config(
        front,
        http="app.server.protocol:WholeProtocol",
        loop="auto",
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        root_path=worker.snapshot().server.root_path,
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    server = GentleServer(config, worker, tie)
    front.connections = server.server_state.connections
    server.run(listeners)
