#!/bin/sh
# The same, streamed: `delta` events with text, then one `done` event with everything else.
curl -sS -N -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/query" -H 'content-type: application/json' \
  -d '{"prompt": "Write a haiku about queues", "mode": "fast", "stream": true}'
