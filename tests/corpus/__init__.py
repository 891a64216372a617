"""Bad inputs made from good ones, by seed: what every reader does with them."""
