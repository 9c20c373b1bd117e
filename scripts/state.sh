#!/bin/sh
# What runs, alive and ready.
for path in / /health /ready; do
  curl -sS "${LLM_ROUTER_URL:-http://localhost:8000}$path"
  echo
done
