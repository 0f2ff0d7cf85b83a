"""The only package that reads or writes tables on disk: a folder of Parquet files, nothing to install."""

from riskwarn.store.folder import FORMAT, NIGHT_TABLES, Store, Written

__all__ = ["FORMAT", "NIGHT_TABLES", "Store", "Written"]
