"""Errors for people, typed params, tables on disk, atomic writes, the Dask client."""
