"""The critique of a visitor's pictures: what runs the observations and shows them."""
