"""The submission format: a signed-off folder of audits that a common leaderboard can take or refuse."""
