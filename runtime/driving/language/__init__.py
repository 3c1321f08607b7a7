"""What people write, as performances: words, phrases, moods, visemes, choreography."""
