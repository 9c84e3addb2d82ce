"""Features of raw transactions: the stores behind them, and keeping what happens."""
