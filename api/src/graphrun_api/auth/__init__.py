"""Who asks, and what they may: bearer tokens by TokenReview, rights by SubjectAccessReview, projects by label."""
