"""Learn byte pair encoding merges (Sennrich et al. 2016), on counted words."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

Pair = tuple[str, str]


def learn_merges(words: Mapping[str, int], merges: int) -> list[str]:
    """Return up to `merges` tokens of two and more characters.

    The most frequent pair is merged again and again.

    Pairs met once are no tokens. Of pairs met equally often the first in code point order is merged.

    >>> learned({"the": 5, "then": 2, "hen": 1}, 3)
    ['he', 'the', 'then']
    """
    symbols = {word: list(word) for word in words}
    counts: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[str]] = defaultdict(set)
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            where[pair].add(word)
    queue = [(-times, pair) for pair, times in counts.items()]
    heapify(queue)
    tokens: dict[str, None] = {}
    for pair in _next_pairs(queue, counts):
        if len(tokens) >= merges:
            break
        tokens["".join(pair)] = None
        changed: set[Pair] = set()
        for word in where.pop(pair):
            before, after = symbols[word], _merge_pair(symbols[word], pair)
            for old in pairwise(before):
                counts[old] -= words[word]
            for new in pairwise(after):
                counts[new] += words[word]
                where[new].add(word)
            changed.update(pairwise(after))
            symbols[word] = after
        for new in changed:
            heappush(queue, (-counts[new], new))
    return list(tokens)


def _next_pairs(queue: list[tuple[int, Pair]], counts: Counter[Pair]) -> Iterator[Pair]:
    """Yield the most frequent pair, as long as one occurs twice.

    A queue entry that is out of date goes back with its true count.
    """
    while queue:
        times, pair = heappop(queue)
        if -times != counts[pair]:
            if 1 < counts[pair] < -times:
                heappush(queue, (-counts[pair], pair))
        elif counts[pair] > 1:
            yield pair
        else:
            return


def _merge_pair(symbols: list[str], pair: Pair) -> list[str]:
    merged, place = [], 0
    while place < len(symbols):
        is_pair = place + 1 < len(symbols) and (symbols[place], symbols[place + 1]) == pair
        merged.append("".join(pair) if is_pair else symbols[place])
        place += 1 + is_pair
    return merged
