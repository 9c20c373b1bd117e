#!/bin/sh
# A conversation, with limits on what may be chosen and no cache.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/query" -H 'content-type: application/json' \
  -d '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Prove that the square root of 2 is irrational."}],
       "mode": "accurate", "max_tokens": 400, "cache": "off",
       "constraints": {"max_cost_usd": 0.02, "exclude": ["mistral"]}, "metadata": {"feature": "demo"}}'
