"""Groups that grow together: each member points to another of its group, the root to itself."""

from numba import njit


@njit(cache=True)
def root_of(parents, member):  # type: ignore[no-untyped-def]
    """The root of a member's group; paths to it get shorter."""
    while parents[member] != member:
        parents[member] = parents[parents[member]]
        member = parents[member]
    return member
