"""The TENSOR of a command line → an array."""
