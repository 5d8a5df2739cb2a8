"""The HTTP API: from a request to an answer. `server` is where a request comes in."""
