"""What the engine cannot compute, and says so before anything changes."""


class DomainError(ValueError):
    """A number outside the ranges in which the fast path is proved (domain.py); the engine is as it was.

    field  where: a field of the policy, of the event or of the state
    value  what stands there
    bound  what would be inside, in words and numbers
    """

    def __init__(self, field: str, value: object, bound: str) -> None:
        self.field = field
        self.value = value
        self.bound = bound
        super().__init__(f"{field} is {value!r}; the fast path computes with {bound}")
