"""Read suites and samples in public formats; readers raise UsageError. Start at load, samples."""
