#!/bin/sh
# Decide without calling anyone: each candidate with its predicted quality, cost and latency.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/route" -H 'content-type: application/json' \
  -d '{"prompt": "Translate to French: good morning", "mode": "fast"}'
