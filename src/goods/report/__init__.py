"""What finished runs say for themselves: report.html, comparison, explanations, probes of embeddings."""
