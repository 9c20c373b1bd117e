"""One worker process: its configuration kept fresh, its house opened when the first call or the server needs it. No route."""

import asyncio
import contextlib
import logging
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from . import __version__
from .access.keys import CallerKeys, KeysError
from .caching.factory import open_cache
from .clients import anthropic_client, gemini_client, llama_client, mistral_client, openai_client
from .clients.mock_transport import MockTransport
from .config.compile import compile_snapshot
from .config.home import Environment
from .config.load import ConfigError, load
from .config.snapshot import Snapshot
from .errors import NotReady
from .logging_utils.journal import Journal
from .logging_utils.rollup import RollupThread
from .pipeline.house import Compiled, House
from .router_engine.standing import Live
from .router_engine.table import compile_table

_log = logging.getLogger("llm_router")
WIRES = {
    "openai": openai_client.WIRE,
    "llama": llama_client.WIRE,
    "anthropic": anthropic_client.WIRE,
    "gemini": gemini_client.WIRE,
    "mistral": mistral_client.WIRE,
}
FACES = {
    "openai": openai_client.FACE,
    "anthropic": anthropic_client.FACE,
    "gemini": gemini_client.FACE,
    "mistral": mistral_client.FACE,
}
POLL_SECONDS = 1.0
