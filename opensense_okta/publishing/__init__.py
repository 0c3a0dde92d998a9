"""From a resolved day to the published directory: judged first, then replaced in one rename."""
