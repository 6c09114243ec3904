"""What an edit of the rules would do: the difference, the people it touches, and the recorded days under the new plan.

Everything here reads a store and decides in memory; nothing is written and nothing can be sent.
"""
