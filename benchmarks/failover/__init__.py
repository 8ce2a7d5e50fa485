"""How long the work stands still when an operator or an API replica is lost."""
