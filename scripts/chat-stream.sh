#!/bin/sh
# OpenAI's shape, streamed, the router choosing.
curl -sS -N -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/v1/chat/completions" -H 'content-type: application/json' \
  -d '{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "Count to five"}]}'
