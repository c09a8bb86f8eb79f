"""Read the residual stream, make steering vectors, write them back."""
