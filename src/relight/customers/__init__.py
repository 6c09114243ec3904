"""What we know: the profile of a customer as a pure fold of that customer's events, with windows and timers."""
