"""HTTP for every API: requests, rate limits, paging, sign-in."""
