"""What evaluate works with beside its metrics: exhibits, neighbours, tables for DVC."""
