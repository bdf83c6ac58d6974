"""What is known of Customer.io's API: hosts and regions, published limits, identifiers, what success is."""
