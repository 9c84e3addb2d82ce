"""The audit log: chains of records that show when one was changed or taken out, and pseudonyms that can be erased."""
