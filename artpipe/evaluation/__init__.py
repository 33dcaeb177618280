"""What evaluation needs beside metrics: exhibits, neighbours, DVC's tables."""
