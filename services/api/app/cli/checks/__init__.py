"""What `llm-router doctor` looks at."""
