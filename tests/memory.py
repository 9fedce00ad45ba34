"""What a thing holds on to."""

import gc
from types import FunctionType, ModuleType


def reachable(thing: object) -> int:
    """Count the octets of all strings of octets that ``thing`` holds on to."""
    seen, found, size = {id(thing)}, [thing], 0
    while found:
        each = found.pop()
        size += len(each) if isinstance(each, bytes) else 0
        for one in gc.get_referents(each):
            if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
                seen.add(id(one))
                found.append(one)
    return size
