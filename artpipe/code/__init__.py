"""What decides a result: fingerprints of the code, recorded in code.yaml."""
