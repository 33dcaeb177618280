"""Networks that write tokens: text and music."""
