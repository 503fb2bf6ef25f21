"""Looking into files that strangers sent, in limited child processes that are kept warm."""
