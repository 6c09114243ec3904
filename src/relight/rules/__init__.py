"""What should follow: the model of a rule, its conditions, triggers, steps and the compiled plan."""
