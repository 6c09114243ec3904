"""The one function: plan, world, profile and a record or a deadline in; profile and effects out."""
