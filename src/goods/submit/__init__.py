"""Schema-checked submissions and their ledger; finished experiments asked about new cards and pairs."""
