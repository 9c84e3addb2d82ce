"""Which version answers where: the registry, the gates on the way to production, rollback, retraining, the audit."""
