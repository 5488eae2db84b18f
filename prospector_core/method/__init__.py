"""The method, on arrays alone: no study, no file, no screen. From token graphs and vectors to maps."""
