"""One-to-one comparison: two pictures to a distance, a false match rate and a decision."""
