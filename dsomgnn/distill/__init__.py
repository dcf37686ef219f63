"""What teaches: frozen teachers, the decoupled loss, and the agent that chooses among them."""
