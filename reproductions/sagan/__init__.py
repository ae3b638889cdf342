"""Zhang et al. 2019: generators and discriminators with self-attention."""
