"""Labels that say of a file that a model made it, by the law that asks for them."""
