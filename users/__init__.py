"""What a VU sends: one module per kind of user, on one base and one transport."""
