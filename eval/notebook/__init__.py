"""What notebooks call, so that they need no logic of their own."""
