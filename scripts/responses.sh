#!/bin/sh
# OpenAI's Responses shape, streamed, answered by a model of Anthropic's.
curl -sSN -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/v1/responses" -H 'content-type: application/json' \
  -d '{"model": "anthropic_claude_sonnet", "input": "Name three prime numbers", "stream": true}'
