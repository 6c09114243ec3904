"""Events over HTTP: what published clients send becomes raw rows of a declared stream, durable before the answer."""
