#!/bin/sh
# Every name that `model` accepts, then one of them.
curl -sS "${LLM_ROUTER_URL:-http://localhost:8000}/v1/models"
echo
curl -sS "${LLM_ROUTER_URL:-http://localhost:8000}/v1/models/gpt-4o-mini"
