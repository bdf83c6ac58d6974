"""The fast HTTP/1.1 client: one kept connection per VU, requests written as bytes, answers read by llhttp."""
