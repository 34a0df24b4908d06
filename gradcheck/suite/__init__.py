"""Suites: a TOML file → checks → worker processes or a Dask cluster → `SuiteReport`."""
