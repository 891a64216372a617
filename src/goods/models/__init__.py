"""What the model families share: protocol, networks, batches, training, weights and caches of vectors."""
