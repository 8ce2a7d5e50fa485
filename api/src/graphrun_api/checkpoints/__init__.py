"""The stored states of runs over REST: lists, states, differences. Read alone: nothing here claims or changes any."""
