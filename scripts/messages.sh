#!/bin/sh
# Anthropic's shape, answered by a model of OpenAI's.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/v1/messages" -H 'content-type: application/json' -H 'anthropic-version: 2026-10-21' \
  -d '{"model": "gpt-4o-mini", "max_tokens": 200, "messages": [{"role": "user", "content": "Name three prime numbers"}]}'
