"""Runs over REST: routes translate, services decide, `rules` and `verbs` say what a state allows."""
