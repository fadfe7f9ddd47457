# The C types and signatures of the certificates' kernels. Units, rounding and domain: certificates.py.

from fastpath.kernels cimport int128

cpdef long long slack_share(long long slack, long long notional, long long total) noexcept nogil
cpdef long long tick_of_fall(long long share, long long mark, long long value, long long margin) noexcept nogil
cpdef long long tick_of_rise(
    long long share, long long mark, long long per_tick, long long rate
) noexcept nogil
cpdef long long tick_above_floor(long long floor, long long per_tick) noexcept nogil
cpdef long long price_code(long long price) noexcept nogil
