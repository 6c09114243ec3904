"""Pages and endpoints that work while the engine is down."""
