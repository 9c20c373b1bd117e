#!/bin/sh
# A tool on our own face: the model is made to call it.
curl -sS -X POST "${LLM_ROUTER_URL:-http://localhost:8000}/query" -H 'content-type: application/json' -d '{
  "prompt": "What is the weather in Paris?",
  "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}],
  "tool_choice": "required"}'
