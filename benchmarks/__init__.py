"""Our time against its floor or a peer, measured in one run; what counts is the ratio."""
