# The entries of the liquidation index: for each market and direction, whom a mark reaches next (decision 0014).
#
# An entry is 8 bytes: the code of a tick, and the account. Those that a mark may reach soon are near: in a heap,
# which is small enough to stay in the cache. All others are far: in bands of prices, each some 0.2 to 0.4 % wide,
# in no order. A mark that comes into a band empties it into the heap, and what it leaves behind becomes far again.
# To put an entry into a band, or to take it out with all others there, costs the same however many there are.

cdef enum:
    ARITY = 8                   # children of an entry of a heap: 64 bytes
    NO_KEY = 0                  # no tick, no entry
    TOP_KEY = 0x7FFF_FFFF
    BAND_DIGITS = 9             # binary digits of a price that all prices of a band have in common
    BANDS = 24 * 256            # as many as codes of 31 digits may be in
    CHUNK_ENTRIES = 31          # 256 bytes a chunk

# Part of a band. Chunks are numbered from 1.
cdef struct Chunk:
    int next                    # of its band, or of those that are free; 0: none
    int count
    unsigned long long entries[CHUNK_ENTRIES]

cdef struct Queue:
    unsigned long long* block
    unsigned long long* near    # a heap, from the eighth on: the children of one entry then are one line of the cache
    long long near_count
    long long near_capacity
    long long near_kept         # how many there were when it was last filled or thinned out
    int side                    # 0: of marks that fall, 1: of marks that rise
    int horizon                 # the first band whose entries are far
    int* bands                  # the first chunk of each
    long long count             # near and far
    long long kept              # how many there were when the invalid ones were last dropped

cdef struct Reached:
    unsigned long long entry
    int queue
    int spare

cdef struct Entries:
    Queue* queues               # 2 * market: of longs; 2 * market + 1: of shorts, and of longs of kind `whole`
    int* bands
    Chunk* chunks
    long long chunk_count       # number 0 included
    long long chunk_capacity
    int free_chunk
    Reached* reached            # entries that the marks have reached
    long long reached_count
    long long reached_capacity
    unsigned long long* listed  # all entries of a queue, while the invalid ones are dropped
    long long listed_capacity


cdef inline int account_of(unsigned long long entry) noexcept nogil:
    return <int>(entry & 0x7FFF_FFFF)


cdef inline int key_of(unsigned long long entry) noexcept nogil:
    return <int>(entry >> 32)


cdef inline unsigned long long entry_of(int key, int account) noexcept nogil:
    return (<unsigned long long>key << 32) | <unsigned long long>account


cdef inline int key_of_tick(int side, long long tick) noexcept nogil:
    """The smaller, the sooner it is reached; NO_KEY for the tick 0, which never is. side: 0 falls, 1 rises."""
    if tick == 0:
        return NO_KEY
    return <int>(price_code(tick) if side == 1 else TOP_KEY - price_code(tick))


cdef inline int band_of(int side, int key) noexcept nogil:
    """The band of a key; it never falls as the key rises. 0 <= key <= TOP_KEY, 0 <= band < BANDS.

    From 2**28 ticks on, where the code of a price is no more the price itself, bands are up to 2 % wide.
    """
    cdef int code = key if side == 1 else TOP_KEY - key
    cdef int dropped = digits_of(code) - BAND_DIGITS
    if dropped > 0:
        code = (dropped << (BAND_DIGITS - 1)) + (code >> dropped)
    return code if side == 1 else BANDS - 1 - code


# ------------------------------------------------------------------------------------- near: the heap


cdef void sink(Queue* queue, long long place, unsigned long long entry) noexcept nogil:
    """Puts an entry where the one at a place was, and lets it sink."""
    cdef long long child, last, least
    cdef unsigned long long smallest, other
    while True:
        child = ARITY * place + 1
        if child >= queue.near_count:
            break
        last = child + ARITY
        if last > queue.near_count:
            last = queue.near_count
        least = child
        smallest = queue.near[child]
        while child < last:
            # Without a branch: which of eight is the smallest is anybody's guess.
            other = queue.near[child]
            least = child if other < smallest else least
            smallest = other if other < smallest else smallest
            child += 1
        if smallest >= entry:
            break
        queue.near[place] = smallest
        place = least
    queue.near[place] = entry


cdef bint push_near(Queue* queue, unsigned long long entry) noexcept nogil:
    """Puts an entry into the heap; False without memory."""
    cdef long long place = queue.near_count, parent
    if place + ARITY > queue.near_capacity:
        if not grow(<void**>&queue.block, &queue.near_capacity, place + ARITY, sizeof(unsigned long long)):
            return False
        queue.near = queue.block + ARITY - 1
    queue.near_count += 1
    while place > 0:
        parent = (place - 1) // ARITY
        if queue.near[parent] <= entry:
            break
        queue.near[place] = queue.near[parent]
        place = parent
    queue.near[place] = entry
    return True


# ------------------------------------------------------------------------------------- far: the bands


cdef bint push_far(Entries* entries, Queue* queue, int band, unsigned long long entry) noexcept nogil:
    """Puts an entry into a band; False without memory."""
    cdef int number = queue.bands[band], fresh
    cdef Chunk* chunk
    if number == 0 or entries.chunks[number].count == CHUNK_ENTRIES:
        fresh = entries.free_chunk
        if fresh != 0:
            entries.free_chunk = entries.chunks[fresh].next
        else:
            if entries.chunk_count == 0:
                entries.chunk_count = 1
            if not grow(
                <void**>&entries.chunks, &entries.chunk_capacity, entries.chunk_count + 1, sizeof(Chunk)
            ):
                return False
            fresh = <int>entries.chunk_count
            entries.chunk_count += 1
        entries.chunks[fresh].next = number
        entries.chunks[fresh].count = 0
        queue.bands[band] = fresh
        number = fresh
    chunk = &entries.chunks[number]
    chunk.entries[chunk.count] = entry
    chunk.count += 1
    return True


cdef inline bint push(Entries* entries, int number, unsigned long long entry) noexcept nogil:
    """Puts an entry into a queue; False without memory."""
    cdef Queue* queue = &entries.queues[number]
    cdef int band = band_of(queue.side, key_of(entry))
    queue.count += 1
    if band < queue.horizon:
        return push_near(queue, entry)
    return push_far(entries, queue, band, entry)


# ------------------------------------------------------------------------------------- what a mark reaches


cdef inline bint reach(Entries* entries, int number, unsigned long long entry) noexcept nogil:
    """Notes an entry that a mark has reached, and that is in its queue no more; False without memory."""
    cdef Reached* reached
    if not grow(
        <void**>&entries.reached, &entries.reached_capacity, entries.reached_count + 1, sizeof(Reached)
    ):
        return False
    reached = &entries.reached[entries.reached_count]
    reached.entry = entry
    reached.queue = number
    entries.reached_count += 1
    entries.queues[number].count -= 1
    return True


cdef bint empty_band(Entries* entries, int number, int band, int key) noexcept nogil:
    """What is in a band up to a key is reached, all else near; False without memory."""
    cdef Queue* queue = &entries.queues[number]
    cdef int first = queue.bands[band], place
    cdef Chunk* chunk
    while first != 0:
        chunk = &entries.chunks[first]
        if chunk.next != 0:
            for place in range(4):
                prefetch(&entries.chunks[chunk.next].entries[ARITY * place])
        for place in range(chunk.count):
            if key_of(chunk.entries[place]) <= key:
                if not reach(entries, number, chunk.entries[place]):
                    return False
            elif not push_near(queue, chunk.entries[place]):
                return False
        queue.bands[band] = chunk.next
        chunk.next = entries.free_chunk
        entries.free_chunk = first
        first = queue.bands[band]
    return True


cdef bint collect(Entries* entries, int number, int key) noexcept nogil:
    """Takes out of a queue what is there up to a key; False without memory."""
    cdef Queue* queue = &entries.queues[number]
    cdef int band = band_of(queue.side, key)
    while queue.near_count > 0 and key_of(queue.near[0]) <= key:
        if not reach(entries, number, queue.near[0]):
            return False
        queue.near_count -= 1
        sink(queue, 0, queue.near[queue.near_count])
    if band >= queue.horizon:
        while queue.horizon <= band:
            if not empty_band(entries, number, queue.horizon, key):
                return False
            queue.horizon += 1
        queue.near_kept = queue.near_count
    return True


# ------------------------------------------------------------------------------------- keeping it small


cdef bint thin_out(Entries* entries, int number, int key) noexcept nogil:
    """Makes far what the mark has left behind, once that may be half of the heap; False without memory.

    key  of the mark
    """
    cdef Queue* queue = &entries.queues[number]
    cdef int horizon = band_of(queue.side, key) + 1, band
    cdef long long place, count = queue.near_count
    cdef unsigned long long entry
    if horizon >= queue.horizon or count < 2 * queue.near_kept + 1024:
        return True
    queue.horizon = horizon
    queue.near_count = 0
    for place in range(count):
        # The heap is no longer than what has been read: what is written to it overwrites no other entry.
        entry = queue.near[place]
        band = band_of(queue.side, key_of(entry))
        if not (push_near(queue, entry) if band < horizon else push_far(entries, queue, band, entry)):
            return False
    queue.near_kept = queue.near_count
    return True


cdef void clear(Entries* entries) noexcept nogil:
    """Takes everything out of every queue."""
    entries.chunk_count = 0
    entries.free_chunk = 0
    entries.reached_count = 0


cdef void begin(Entries* entries, int number, int key) noexcept nogil:
    """Begins a queue, of which nothing is left. key: of the mark, behind which everything will be far."""
    cdef Queue* queue = &entries.queues[number]
    memset(queue.bands, 0, BANDS * sizeof(int))
    queue.near_count = 0
    queue.near_kept = 0
    queue.count = 0
    queue.horizon = band_of(queue.side, key) + 1


cdef void settle(Queue* queue) noexcept nogil:
    """Notes that all that is in a queue is needed, from where on it may grow."""
    queue.near_kept = queue.near_count
    queue.kept = queue.count


cdef int by_entry(const void* one, const void* other) noexcept nogil:
    cdef unsigned long long mine = (<const unsigned long long*>one)[0]
    cdef unsigned long long theirs = (<const unsigned long long*>other)[0]
    return (mine > theirs) - (mine < theirs)


cdef bint list_all(Entries* entries, int number) noexcept nogil:
    """Takes all entries out of a queue and lists them in no order; False without memory."""
    cdef Queue* queue = &entries.queues[number]
    cdef Chunk* chunk
    cdef int band, first
    cdef long long count = queue.near_count
    if not grow(
        <void**>&entries.listed, &entries.listed_capacity, queue.count, sizeof(unsigned long long)
    ):
        return False
    if count > 0:
        memcpy(entries.listed, queue.near, count * sizeof(unsigned long long))
    for band in range(queue.horizon, BANDS):
        while queue.bands[band] != 0:
            first = queue.bands[band]
            chunk = &entries.chunks[first]
            memcpy(entries.listed + count, chunk.entries, chunk.count * sizeof(unsigned long long))
            count += chunk.count
            queue.bands[band] = chunk.next
            chunk.next = entries.free_chunk
            entries.free_chunk = first
    return True
