"""Read suites and samples in public formats; readers raise UsageError. Read load, samples."""
