#!/bin/sh
# Embeddings in OpenAI's shape, cut to eight numbers.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/v1/embeddings" -H 'content-type: application/json' \
  -d '{"model": "text-embedding-3-small", "input": ["prime numbers", "odd numbers"], "dimensions": 8}'
