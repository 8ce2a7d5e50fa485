"""The graphrun API: REST and streams for people, the runner protocol for runners."""
