"""The service: one bundle behind every platform's protocol. Imports what requirements-serve.lock holds, no more."""
