"""Arrays: their types, scale, memory and spans, and every random draw."""
