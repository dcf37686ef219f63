"""What scores: score functions, fusion of modalities, encoders, and the model made of them."""
