"""When things happen: the loop, the clock, the timers and the dispatch of messages."""
