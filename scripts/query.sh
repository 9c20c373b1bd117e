#!/bin/sh
# The main job: ask, and let the router pick the model.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/query" -H 'content-type: application/json' \
  -d '{"prompt": "Explain quantum computing in one sentence", "mode": "balanced"}'
