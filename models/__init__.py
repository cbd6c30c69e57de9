"""What we remember: tables, sealing, the database and the stores."""
