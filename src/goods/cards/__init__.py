"""Cards of products: their table, texts, words, photos and labels."""
