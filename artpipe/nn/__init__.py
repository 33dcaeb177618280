"""What more than one model needs: the contract, losses, blocks, the loop, resumable state."""
