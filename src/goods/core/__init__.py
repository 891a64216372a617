"""What every room stands on: errors, log, files and their hashes, keys of code, jobs, run paths, predictions."""
