"""What training on several machines needs: sums over processes."""
