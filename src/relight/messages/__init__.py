"""May we say it: the gate, the life of a message as a transition table, and message identity."""
