"""A page in the browser that asks a finished experiment: of one card, of two products, of a file."""
