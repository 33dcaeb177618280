"""Networks whose weights were trained elsewhere; they measure pictures."""
