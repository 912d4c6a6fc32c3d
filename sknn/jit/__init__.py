"""A pipeline that compiles kernels ahead of their first call and keeps them on disk."""
