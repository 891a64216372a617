"""What a run may take, what it will take, and what is left out of it to keep within that."""
