"""What scores of generated pictures say of real ones: floors, biases, disturbances."""
