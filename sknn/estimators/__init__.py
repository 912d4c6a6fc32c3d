"""The estimators: parameters, validation, labels, fitting, prediction, storage."""
