"""The demo: a real workflow on the running cluster, driven like any client would, over REST, WebSocket and kubectl."""
