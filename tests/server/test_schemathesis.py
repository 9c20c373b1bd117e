"""A judge from outside: Schemathesis reads our own description and asks every route what it allows, and what it forbids."""

import re
import subprocess
import sys
from pathlib import Path

from support import child_env, running, shipped

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "unsupported_method,allow_header_conformance"
)
COMMAND = [sys.executable, "-m", "schemathesis.cli", "run", "--phases", "coverage", "--workers", "1", "--seed", "1"]


def test_every_described_operation_answers_as_described_and_none_with_a_500(tmp_path: Path) -> None:
    with running(tmp_path, shipped()) as service:
        command = [*COMMAND, "--continue-on-failure", "--no-color", "--checks", CHECKS, f"{service.url}/openapi.json"]
        done = subprocess.run(command, cwd=tmp_path, env=child_env(), capture_output=True, text=True, timeout=120, check=False)
        described = len([1 for path in service.request("/openapi.json").json()["paths"].values() for _ in path])
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested and int(tested[1]) == described, done.stdout[-1000:]
        assert "Traceback" not in service.log()
