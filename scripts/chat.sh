#!/bin/sh
# OpenAI's shape: a model by name, with the router's own account beside the answer.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/v1/chat/completions" -H 'content-type: application/json' \
  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Name three prime numbers"}], "router": {"explain": true}}'
