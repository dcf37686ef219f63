"""What we know: triples, known answers, modality features, and the multimodal knowledge graph."""
