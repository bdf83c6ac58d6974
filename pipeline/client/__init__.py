"""Customer.io's Track API over one connection pool: retries, typed errors, a result for every item."""
