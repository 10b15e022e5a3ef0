"""The audit page: which audit is answered, and the certificate."""
