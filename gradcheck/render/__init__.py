"""Each module turns a Report into one form of output and writes nothing itself."""
