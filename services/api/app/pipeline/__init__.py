"""The walk of one request: begin, recall, attempts, settle. Knows no HTTP of ours and no dialect."""
