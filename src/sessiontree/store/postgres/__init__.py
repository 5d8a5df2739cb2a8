"""The PostgreSQL store: several processes and machines on one database."""
