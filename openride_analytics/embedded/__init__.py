"""The local stack for development and tests: real servers, loopback only, data under one directory."""
