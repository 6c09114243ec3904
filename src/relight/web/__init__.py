"""Pages and endpoints that work while the engine is down: they verify a token and put into the durable inbox."""
