"""Elementary functions, softmax and random numbers, vectorised."""
