"""What the tests of the grid share."""


def numbers(result: dict) -> tuple:
    """What a run gives, without its times."""
    history = {key: value for key, value in result["history"].items() if key != "seconds"}
    return history, result["misclassified"], result["fingerprint"]
