"""How fast the networks run here, how fast they could, and what would suit this machine."""
