"""The second port: claim, events, command and report, for runners alone."""
