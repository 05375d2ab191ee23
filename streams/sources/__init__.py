"""How facts come in: files, the command line, the gateway. Never imports the engine."""
