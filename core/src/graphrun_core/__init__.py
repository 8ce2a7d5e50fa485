"""The shared language of graphrun's parts. No I/O; importing it builds nothing.

`protocol`, `events`, `names`, `phases`, `errors` and `storage_keys` need only the standard library,
so that the runner's supervisor can load them in milliseconds.
"""
