"""What a running engine tells those who operate it: metrics, log lines, traces. It decides nothing."""
