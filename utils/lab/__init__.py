"""Runs many experiments and reports them: ``python -m utils.lab --help``."""
