"""Networks that learn a project's own images without any label."""
