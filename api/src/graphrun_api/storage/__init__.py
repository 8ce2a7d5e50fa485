"""Object storage, as far as the API needs it: large inputs and outputs."""
