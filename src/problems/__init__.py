"""Yours: one file per problem, with its contract, its feature list and its roles."""
