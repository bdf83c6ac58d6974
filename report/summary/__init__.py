"""What is written about a finished run, from its report alone: terminal, k6's JSON forms, Markdown, JUnit."""
