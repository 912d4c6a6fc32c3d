"""Callbacks that record what they are told, for the tests of callbacks."""


class Recorder:
    """Records its calls; may ask to stop after some epochs, or raise in a hook."""

    def __init__(self, stop_after=None, fail_in=None, error=ValueError):
        self.stop_after, self.fail_in, self.error = stop_after, fail_in, error
        self.calls = []

    def record(self, hook, context):
        self.calls.append((hook, context.task_name, context.task_id))
        if self.fail_in == (hook, context.task_name, context.task_id):
            raise self.error("from a callback")

    def setup(self, estimator, context):
        self.record("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self.record("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.record("end", context)
        return context.parent is not None and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self.record("teardown", context)

    def hooks(self, hook):
        return [call for call in self.calls if call[0] == hook]


class Keeper(Recorder):
    """Keeps what the hook at the end of each task is given."""

    def on_fit_task_end(
        self, estimator, context, *, X, y, metadata, fitted_estimator=None
    ):
        self.record("end", context)
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        if context.parent is not None:
            self.fitted = [*getattr(self, "fitted", []), fitted_estimator]
        else:
            self.fitted_at_the_end = fitted_estimator


def calls_of(n_epochs, task_name="epoch"):
    """Return the calls of a fit of so many epochs, as a Recorder has them."""
    calls = [("setup", "fit", 0), ("begin", "fit", 0)]
    for epoch in range(n_epochs):
        calls += [("begin", task_name, epoch), ("end", task_name, epoch)]
    return [*calls, ("end", "fit", 0), ("teardown", "fit", 0)]
