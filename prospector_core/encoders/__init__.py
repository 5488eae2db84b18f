"""What encoders of every kind of data share: the interface, model hubs, torch."""
