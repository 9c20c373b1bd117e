"""The dashboard: pages for people at `/dashboard`, that work without script. Reads what others keep; decides and calls nothing itself."""
