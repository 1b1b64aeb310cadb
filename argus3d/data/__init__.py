"""Sources of shapes and what is prepared from them."""
