"""What can be checked: a function of named tensors, with a closed form where one is known."""
