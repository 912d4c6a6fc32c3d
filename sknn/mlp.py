"""A signpost for code written for scikit-neuralnetwork, which this package is not."""

raise ImportError(
    "sknn.mlp belongs to scikit-neuralnetwork, a package of 2016 that installs a "
    "module named sknn too. This is another sknn: write 'from sknn import "
    "MLPClassifier, MLPRegressor' in place of sknn.mlp.Classifier and "
    "sknn.mlp.Regressor, with hidden_layer_sizes and activation in place of layers. "
    "To use scikit-neuralnetwork itself, run 'pip uninstall sknn', then 'pip install "
    "--force-reinstall scikit-neuralnetwork'."
)
