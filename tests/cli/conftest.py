"""One service in mock mode for all tests of the command line, with something in its journal."""

from collections.abc import Iterator

import pytest

from support import Service, running, shipped


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("cli"), shipped()) as here:
        here.query("What is the capital of Portugal?", user="ana", mode="fast")
        here.query("Prove it.", user="bruno", model="gpt-4o-mini")
        yield here
