"""Which elements move which outputs, asked of the function itself."""
