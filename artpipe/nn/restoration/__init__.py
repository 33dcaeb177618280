"""Networks that fill holes and enlarge, and the damage they learn from."""
